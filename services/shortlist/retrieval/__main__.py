"""Run the retrieval service in the foreground: `python -m shortlist.retrieval`."""

import sys

from shortlist.retrieval.app import RetrievalServer
from shortlist.retrieval.config import RetrievalSettings
from shortlist.rpc.foreground import serve_in_foreground


def _start() -> RetrievalServer:
    return RetrievalServer(RetrievalSettings())


if __name__ == "__main__":
    sys.exit(serve_in_foreground("shortlist.retrieval", _start))
