"""The command lines and environments of the parts; nothing is started."""

import sys
from pathlib import Path

import pytest

from shortlist.local.gateway import TritonAccess, gateway_environment
from shortlist.local.ports import Ports
from shortlist.local.triton import TritonInstallation, new_secret, triton_part
from shortlist.local.valkey import valkey_part

ACCESS = TritonAccess("127.0.0.1:8001", Path("/run/triton.secret"))


@pytest.fixture
def triton_command(tmp_path: Path) -> tuple[str, ...]:
    return triton_part(TritonInstallation(tmp_path, None), Ports(), tmp_path, new_secret(tmp_path)).command


def test_the_gateway_is_told_everything_by_environment() -> None:
    environment = gateway_environment(Path("/releases/demo"), 50051, 9464, "redis://127.0.0.1:6379/0", ACCESS)

    assert environment == {
        "SHORTLIST_GATEWAY_RELEASE": "/releases/demo",
        "SHORTLIST_GATEWAY_ADDRESS": "127.0.0.1:50051",
        "SHORTLIST_GATEWAY_METRICS_ADDRESS": "127.0.0.1:9464",
        "SHORTLIST_FEATURES_REDIS_URL": "redis://127.0.0.1:6379/0",
        "SHORTLIST_RANKING_BACKEND": "triton",
        "SHORTLIST_RANKING_TRITON_ADDRESS": "127.0.0.1:8001",
        "SHORTLIST_RANKING_TRITON_SECRET_FILE": "/run/triton.secret",
        "no_grpc_proxy": "127.0.0.1",
    }


def test_without_triton_the_gateway_ranks_itself_and_hears_of_no_triton() -> None:
    environment = gateway_environment(Path("/releases/demo"), 50051, 9464, "redis://127.0.0.1:6379/0", None)

    assert environment["SHORTLIST_RANKING_BACKEND"] == "onnxruntime"
    assert not any("TRITON" in name for name in environment)


def test_the_secret_is_in_a_file_of_this_user_s_alone_and_in_no_command(tmp_path: Path) -> None:
    file = new_secret(tmp_path)
    part = triton_part(TritonInstallation(tmp_path, None), Ports(), tmp_path, file)

    assert file.stat().st_mode & 0o777 == 0o600
    assert file.read_text() not in " ".join(part.command)
    assert new_secret(tmp_path).read_text() != part.environment.get("secret")


def test_triton_listens_on_loopback_only(triton_command: tuple[str, ...]) -> None:
    for protocol in ("grpc", "http", "metrics"):
        assert f"--{protocol}-address=127.0.0.1" in triton_command


def test_triton_asks_for_the_secret_before_it_loads_a_model_on_both_protocols(triton_command: tuple[str, ...]) -> None:
    assert "--grpc-restricted-protocol=model-repository:shortlist={secret}" in triton_command
    assert "--http-restricted-api=model-repository:shortlist={secret}" in triton_command


def test_triton_finds_this_interpreter_and_its_library_first(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("PATH", "/usr/bin")
    monkeypatch.delenv("LD_LIBRARY_PATH", raising=False)

    part = triton_part(
        TritonInstallation(tmp_path, Path("/python/lib/libpython.so")), Ports(), tmp_path, new_secret(tmp_path)
    )

    assert part.environment["PATH"] == f"{Path(sys.executable).parent}:/usr/bin"
    assert part.environment["LD_LIBRARY_PATH"] == "/python/lib"


def test_valkey_is_bounded_on_loopback_and_keeps_nothing(tmp_path: Path) -> None:
    words = valkey_part(6379, tmp_path).command
    settings = dict(zip(words[1::2], words[2::2], strict=True))

    assert settings["--bind"] == "127.0.0.1"
    assert settings["--save"] == ""
    assert settings["--maxmemory"] == "512mb"
    assert settings["--maxmemory-policy"] == "noeviction"
