"""The edge as deployed, before gateways on loopback: deploy/envoy with other addresses, run by Envoy from PyPI."""

import json
import sys
from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import trustme
import yaml

from shortlist.local.parts import Part
from shortlist.local.probes import http_answers

ENVOY = Path(sys.executable).with_name("envoy")
DEPLOYED = Path(__file__).parents[1] / "deploy" / "envoy"


@dataclass(frozen=True, slots=True)
class EdgePorts:
    """Where an edge listens on loopback."""

    plain: int
    tls: int
    metrics: int
    admin: int


def edge_part(gateway_ports: Sequence[int], ports: EdgePorts, directory: Path, authority: trustme.CA) -> Part:
    """Describe an edge before gateways; its configuration and certificate are written into the directory."""
    certificate = authority.issue_cert("localhost", "127.0.0.1")
    (directory / "edge.crt").write_bytes(b"".join(blob.bytes() for blob in certificate.cert_chain_pems))
    (directory / "edge.key").write_bytes(certificate.private_key_pem.bytes())
    path = directory / "envoy.json"
    path.write_text(json.dumps(configuration(gateway_ports, ports, directory)))
    return Part(
        "edge",
        (str(ENVOY), "-c", str(path), "--log-level", "warn", "--use-dynamic-base-id", "--concurrency", "1"),
        probe=lambda: http_answers(ports.metrics, "/ready"),
    )


def configuration(gateway_ports: Sequence[int], ports: EdgePorts, directory: Path) -> dict[str, Any]:
    """Read the deployed configuration and put addresses and files in; nothing else is changed."""
    config: dict[str, Any] = yaml.safe_load((DEPLOYED / "envoy.yaml").read_text())
    config["admin"]["address"]["socket_address"]["port_value"] = ports.admin
    resources = config["static_resources"]
    for listener in resources["listeners"]:
        listener["address"]["socket_address"] = {"address": "127.0.0.1", "port_value": getattr(ports, listener["name"])}
    for cluster in resources["clusters"]:
        (locality,) = cluster["load_assignment"]["endpoints"]
        targets = gateway_ports if cluster["name"] == "gateway" else [ports.admin]
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
