"""A program in the place of `shortlist.features`: healthy from the start."""

import os
from http import HTTPStatus
from http.server import BaseHTTPRequestHandler, HTTPServer


class Healthy(BaseHTTPRequestHandler):
    """Answers every question with 200."""

    def do_GET(self) -> None:  # the name is the base class's
        self.send_response(HTTPStatus.OK)
        self.end_headers()


def main() -> None:
    host, _, port = os.environ["SHORTLIST_FEATURES_METRICS_ADDRESS"].rpartition(":")
    HTTPServer((host, int(port)), Healthy).serve_forever()


if __name__ == "__main__":
    main()
