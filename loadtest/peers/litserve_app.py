"""LitServe: HTTP processes before worker processes that batch; messages pass by its ZeroMQ queue, its fastest.

A worker is a loop of its own process, so there is neither an event loop to run inline on nor a pool of threads.
"""

from collections.abc import Sequence
from typing import Any

import litserve
import orjson
from starlette.responses import Response

from loadtest.peers.work import Answer, PeerSettings, open_work


class Recommender(litserve.LitAPI):
    """Answers {"user_id": ...}; `predict` takes a list where requests are batched."""

    def setup(self, device: str) -> None:  # noqa: ARG002  # LitServe's
        """Load the work."""
        self._work = open_work(PeerSettings())

    def decode_request(self, request: dict[str, Any]) -> str:  # FastAPI checks a body against this type
        """Take the user."""
        user_id: str = request["user_id"]
        return user_id

    def batch(self, inputs: Sequence[str]) -> Sequence[str]:
        """Leave the list as it is."""
        return inputs

    def predict(self, x: Any) -> Any:
        """Answer one user, or a list of them."""
        return self._work.answer([x])[0] if isinstance(x, str) else self._work.answer(x)

    def unbatch(self, output: list[Answer]) -> list[Answer]:
        """Leave the list as it is."""
        return output

    def encode_response(self, output: Answer) -> Response:
        """Write the JSON here, so that the HTTP process only passes it on."""
        return Response(orjson.dumps(output), media_type="application/json")


def main() -> None:
    """Serve until the end."""
    settings = PeerSettings()
    api = Recommender(max_batch_size=settings.batch, batch_timeout=settings.wait_ms / 1e3, api_path="/recommend")
    server = litserve.LitServer(api, accelerator="cpu", workers_per_device=settings.workers, fast_queue=True)
    server.run(
        host="127.0.0.1",
        port=settings.port,
        log_level="warning",
        generate_client_file=False,
        access_log=False,
        loop="uvloop",
        http="httptools",
    )


if __name__ == "__main__":
    main()
