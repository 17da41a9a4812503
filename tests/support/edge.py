"""The edge as it is deployed, with the addresses of a test: the real Envoy before a gateway on loopback."""

import json
import subprocess
import sys
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import trustme
import yaml

from shortlist.local.parts import Part
from shortlist.local.probes import http_answers
from support.real_servers import Server, free_ports

ENVOY = Path(sys.executable).with_name("envoy")
DEPLOYED = Path(__file__).parents[2] / "deploy" / "envoy"


@dataclass(frozen=True, slots=True)
class Edge:
    """Where a running edge is reached; `authority` is the certificate that vouches for it."""

    plain_port: int
    tls_port: int
    metrics_port: int
    authority: bytes
    server: Server


def configuration(gateway_ports: list[int], ports: dict[str, int], directory: Path) -> dict[str, Any]:
    """Read the deployed configuration and put a test's addresses and files in; nothing else is changed."""
    config: dict[str, Any] = yaml.safe_load((DEPLOYED / "envoy.yaml").read_text())
    admin = config["admin"]["address"]["socket_address"]
    admin["port_value"] = ports["admin"]
    resources = config["static_resources"]
    for listener in resources["listeners"]:
        listener["address"]["socket_address"] = {"address": "127.0.0.1", "port_value": ports[listener["name"]]}
    for cluster in resources["clusters"]:
        (locality,) = cluster["load_assignment"]["endpoints"]
        targets = gateway_ports if cluster["name"] == "gateway" else [ports["admin"]]
        locality["lb_endpoints"] = [
            {"endpoint": {"address": {"socket_address": {"address": "127.0.0.1", "port_value": port}}}}
            for port in targets
        ]
    text = json.dumps(config)
    for deployed, own in (
        ("/etc/envoy/shortlist.binpb", DEPLOYED / "shortlist.binpb"),
        ("/run/secrets/edge_certificate", directory / "edge.crt"),
        ("/run/secrets/edge_key", directory / "edge.key"),
    ):
        text = text.replace(deployed, str(own))
    changed: dict[str, Any] = json.loads(text)
    return changed


@contextmanager
def edge(directory: Path, *gateway_ports: int) -> Iterator[Edge]:
    """Run the edge before gateways on these ports until the end of the `with`."""
    free = free_ports()
    ports = {"admin": free.redis, "plain": free.gateway, "metrics": free.metrics, "tls": free.triton_http}
    authority = trustme.CA()
    certificate = authority.issue_cert("localhost", "127.0.0.1")
    (directory / "edge.crt").write_bytes(b"".join(blob.bytes() for blob in certificate.cert_chain_pems))
    (directory / "edge.key").write_bytes(certificate.private_key_pem.bytes())
    path = directory / "envoy.json"
    path.write_text(json.dumps(configuration(list(gateway_ports), ports, directory)))
    part = Part(
        "edge",
        (str(ENVOY), "-c", str(path), "--log-level", "warn", "--use-dynamic-base-id", "--concurrency", "1"),
        probe=lambda: http_answers(ports["metrics"], "/ready"),
    )
    with Server(part, directory) as server:
        yield Edge(ports["plain"], ports["tls"], ports["metrics"], authority.cert_pem.bytes(), server)


def validated(path: Path) -> str:
    """Let Envoy check a configuration without serving; what it says, empty where it is content."""
    ended = subprocess.run(
        [str(ENVOY), "--mode", "validate", "-c", str(path), "--log-level", "error"],
        capture_output=True,
        text=True,
        timeout=60,
        check=False,
    )
    return "" if ended.returncode == 0 else ended.stderr
