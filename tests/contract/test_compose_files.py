"""What the compose files promise: pinned, bounded, closed, and in the words that the services know."""

import hashlib
import os
import re
import stat
import subprocess
from pathlib import Path
from typing import Any

import pytest
import yaml

from support.deployed_redis import DEPLOY, write_secrets
from support.settings_table import ALL

ROOT = DEPLOY.parent
FILES = {
    name: yaml.safe_load((DEPLOY / name).read_text())
    for name in ("compose.yaml", "compose.cpu.yaml", "compose.gpu.yaml")
}
WHOLE = [
    pytest.param(service, id=f"{file}:{name}")
    for file, content in FILES.items()
    for name, service in content["services"].items()
    if "restart" in service  # the others add to a service that is whole in compose.yaml
]
PUBLISHING = {"edge", "prometheus", "grafana", "locust"}
DOCKERFILE = (DEPLOY / "docker" / "Dockerfile").read_text()


@pytest.mark.parametrize("service", WHOLE)
def test_a_service_is_closed_bounded_and_restarted(service: dict[str, Any]) -> None:
    assert service["read_only"] is True
    assert service["cap_drop"] == ["ALL"]
    assert service["security_opt"] == ["no-new-privileges:true"]
    assert "mem_limit" in service
    assert service["restart"] in {"unless-stopped", "no"}
    assert service["logging"]["options"].keys() == {"max-size", "max-file"}


@pytest.mark.parametrize("service", WHOLE)
def test_an_image_is_pinned_or_ours(service: dict[str, Any]) -> None:
    name, _, tag = service["image"].partition(":")
    if name.startswith("shortlist/"):
        assert tag == "dev"
        assert service["build"]["target"] == name.removeprefix("shortlist/")
    else:
        assert re.fullmatch(r"v?\d+\.\d+.*", tag), service["image"]


def test_only_what_people_look_at_is_published_and_on_the_address_of_their_choice() -> None:
    services = FILES["compose.yaml"]["services"]
    assert {name for name, service in services.items() if "ports" in service} == PUBLISHING
    for name in PUBLISHING:
        assert all(port.startswith("${SHORTLIST_BIND:-127.0.0.1}:") for port in services[name]["ports"])
    assert "outside" not in services["redis"]["networks"]
    assert FILES["compose.yaml"]["networks"]["inside"] == {"internal": True}


def test_every_variable_of_ours_in_a_container_is_a_setting() -> None:
    known = {
        f"{settings.model_config['env_prefix']}{name}".upper() for settings in ALL for name in settings.model_fields
    } | {"SHORTLIST_LOADTEST_RELEASE"}
    named = set(re.findall(r"^\s+(SHORTLIST_[A-Z_]+)[:=]", DOCKERFILE, re.MULTILINE))
    for content in FILES.values():
        for service in content["services"].values():
            named |= {name for name in service.get("environment", {}) if name.startswith("SHORTLIST_")}
    assert len(named) > 8
    assert named <= known


def test_every_port_and_path_in_dot_env_is_used_with_the_same_default() -> None:
    text = "".join((DEPLOY / name).read_text() for name in FILES)
    for line in (ROOT / ".env").read_text().splitlines():
        name, _, value = line.partition("=")
        if name.startswith(("#", "COMPOSE_")):
            continue
        defaults = set(re.findall(rf"\$\{{{name}:-([^}}]*)}}", text))
        assert defaults == {value}, name


def triton_arguments(words: list[str]) -> list[str]:
    """Take the options from a command line of Triton, but for where its files lie."""
    return [word for word in words if word.startswith("--") and not word.startswith("--backend-directory")]


def test_triton_is_started_alike_in_both_images() -> None:
    (command,) = re.findall(r'CMD (\["python", "-I", "-S", "/opt/secret_argument.*?\])', DOCKERFILE, re.DOTALL)
    cpu = triton_arguments(yaml.safe_load(command.replace("\\\n", "")))
    gpu = triton_arguments(FILES["compose.gpu.yaml"]["services"]["triton"]["command"])

    assert cpu == gpu
    assert "--model-control-mode=explicit" in cpu
    assert "--grpc-restricted-protocol=model-repository:shortlist={secret}" in cpu


def test_no_serving_image_has_a_compiler_or_torch() -> None:
    assert "apt-get" not in DOCKERFILE
    for name in ("gateway.txt", "gpu.txt", "triton.txt", "loadtest.txt"):
        assert not re.search(r"^torch==", (DEPLOY / "requirements" / name).read_text(), re.MULTILINE)


def test_secrets_are_written_once_for_every_name_and_passwords_only_hashed_in_the_list(tmp_path: Path) -> None:
    folder = tmp_path / "secrets"
    said = write_secrets(folder)
    written = {path.name: path.read_text() for path in folder.iterdir()}

    declared = {Path(secret["file"]).name for secret in FILES["compose.yaml"]["secrets"].values()}
    assert declared <= set(written)
    assert stat.S_IMODE(folder.stat().st_mode) == 0o700
    for user in ("gateway", "exporter", "operator"):
        password = written[f"redis_{user}_password"].strip()
        assert len(password) == 48
        assert password not in written["redis_users.acl"] + said
        assert f"user {user} on #{hashlib.sha256(password.encode()).hexdigest()} " in written["redis_users.acl"]

    write_secrets(folder)
    assert {path.name: path.read_text() for path in folder.iterdir()} == written


def test_every_line_of_the_store_s_configuration_is_explained() -> None:
    blocks = (DEPLOY / "redis" / "redis.conf").read_text().strip().split("\n\n")
    for block in blocks:
        assert block.startswith("#"), block


def test_up_gpu_says_what_is_missing_before_it_starts_anything(tmp_path: Path) -> None:
    ended = subprocess.run(
        ["/bin/sh", str(DEPLOY / "check-gpu.sh")],
        capture_output=True,
        text=True,
        check=False,
        timeout=60,
        env={**os.environ, "PATH": f"{tmp_path}:/bin"},
    )
    assert ended.returncode == 1
    assert ended.stderr.count("\n") == 1
    assert ended.stderr.startswith("up-gpu: no nvidia-smi")
