import pytest
import torch

from shortlist.core.errors import InputError
from shortlist.offline.devices import DeviceName, choose_device


@pytest.mark.parametrize(
    ("asked", "has_cuda", "chosen"),
    [("auto", False, "cpu"), ("auto", True, "cuda"), ("cpu", True, "cpu"), ("cuda", True, "cuda")],
)
def test_cuda_is_taken_where_there_is_one_unless_the_cpu_is_asked_for(
    monkeypatch: pytest.MonkeyPatch, asked: DeviceName, has_cuda: bool, chosen: str
) -> None:
    monkeypatch.setattr(torch.cuda, "is_available", lambda: has_cuda)
    assert choose_device(asked) == chosen


def test_cuda_where_there_is_none_is_one_sentence(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(torch.cuda, "is_available", lambda: False)
    with pytest.raises(InputError, match="--device cuda: PyTorch finds no CUDA device here; take auto or cpu"):
        choose_device("cuda")
