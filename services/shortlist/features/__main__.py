"""Derive from recorded events in the foreground: `python -m shortlist.features`; several at once share the work."""

import sys

from shortlist.features.app import Features
from shortlist.features.config import FeatureSettings
from shortlist.rpc.foreground import serve_in_foreground


def _start() -> Features:
    return Features(FeatureSettings())


if __name__ == "__main__":
    sys.exit(serve_in_foreground("shortlist.features", _start))
