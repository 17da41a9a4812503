"""Run the gateway in the foreground: `python -m shortlist.gateway`; several processes of it under a supervisor."""

import sys

from shortlist.gateway.config import GatewaySettings
from shortlist.rpc.foreground import run_in_foreground, serve_until_signal


def _run() -> int:
    settings = GatewaySettings()
    if settings.workers > 1:
        from shortlist.gateway.supervisor import supervise  # noqa: PLC0415 - one process needs none

        return supervise(settings)
    from shortlist.gateway.app import start_gateway  # noqa: PLC0415 - a supervisor imports neither gRPC nor FAISS

    return serve_until_signal("shortlist.gateway", lambda: start_gateway(settings))


if __name__ == "__main__":
    sys.exit(run_in_foreground("shortlist.gateway", _run))
