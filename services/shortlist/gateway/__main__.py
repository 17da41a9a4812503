"""Run the gateway in the foreground: `python -m shortlist.gateway`."""

import sys

from shortlist.features.config import FeatureSettings
from shortlist.gateway.app import Gateway
from shortlist.gateway.config import GatewaySettings, RankingSettings
from shortlist.retrieval.config import RetrievalSettings
from shortlist.rpc.foreground import serve_in_foreground


def _start() -> Gateway:
    return Gateway(GatewaySettings(), FeatureSettings(), RetrievalSettings(), RankingSettings())


if __name__ == "__main__":
    sys.exit(serve_in_foreground("shortlist.gateway", _start))
