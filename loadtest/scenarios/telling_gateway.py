"""A gateway that tells when its near cache has dropped the row of the probe user; in all else it is the gateway.

What is told is a datagram with the time on the machine's monotonic clock, which all of its processes share. It goes to
the socket whose path stands in BENCH_TOLD_TO.
"""

import os
import socket
import struct
import sys
import time
from collections.abc import Sequence
from unittest.mock import patch

from shortlist.features.near_cache import NearCache
from shortlist.gateway import app
from shortlist.gateway.config import GatewaySettings
from shortlist.rpc.foreground import serve_in_foreground

PROBE = "probe"
"""The user whose changes are told; nobody else asks for it."""
TOLD_TO = "BENCH_TOLD_TO"
TOLD = struct.Struct("<d")
"""A datagram: seconds."""
_TELLER = socket.socket(socket.AF_UNIX, socket.SOCK_DGRAM)


class TellingCache(NearCache):
    """The near cache, with a word of when it was told."""

    def changed(self, user_ids: Sequence[str]) -> None:
        """Drop rows that have changed."""
        super().changed(user_ids)
        if PROBE in user_ids:
            _TELLER.sendto(TOLD.pack(time.monotonic()), os.environ[TOLD_TO])


def main() -> int:
    """Serve until a signal."""
    with patch.object(app, "NearCache", TellingCache):
        return serve_in_foreground("shortlist.gateway", lambda: app.start_gateway(GatewaySettings()))


if __name__ == "__main__":
    sys.exit(main())
