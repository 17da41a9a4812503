"""Where models are trained."""

from typing import Literal

import torch

from shortlist.core.errors import InputError

Device = Literal["cpu", "cuda"]
DeviceName = Literal["auto", "cpu", "cuda"]
CPU: Device = "cpu"


def choose_device(asked: DeviceName) -> Device:
    """Name the device of PyTorch that training runs on: for `auto` CUDA where there is one.

    Nobody has run training on CUDA yet. What is tested is the choice, on a CPU.

    Raises:
        InputError: CUDA is asked for, and there is none.
    """
    has_cuda = torch.cuda.is_available()
    if asked == "cuda" and not has_cuda:
        raise InputError("--device cuda: PyTorch finds no CUDA device here; take auto or cpu")
    return "cuda" if has_cuda and asked != "cpu" else "cpu"
