"""One of several gateways on one port: `python -m shortlist.gateway.worker PIPE ADDRESS METRICS_ADDRESS`.

The supervisor starts it, and gives it the pipe (a file descriptor) on which it beats from the moment it is ready until
it has drained.
"""

import sys
from collections.abc import Iterator
from contextlib import closing, contextmanager

from shortlist.gateway.app import start_gateway
from shortlist.gateway.config import GatewaySettings
from shortlist.resilience.heartbeats import Heart
from shortlist.rpc.foreground import serve_in_foreground


@contextmanager
def _beating_gateway(pipe: int, address: str, metrics_address: str) -> Iterator[None]:
    settings = GatewaySettings(address=address, metrics_address=metrics_address)
    with closing(Heart(pipe)) as heart, start_gateway(settings):
        heart.start()
        yield


if __name__ == "__main__":
    PIPE, ADDRESS, METRICS_ADDRESS = sys.argv[1:]
    sys.exit(serve_in_foreground("shortlist.gateway", lambda: _beating_gateway(int(PIPE), ADDRESS, METRICS_ADDRESS)))
