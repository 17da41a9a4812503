"""What derives from events, as a part: without it the gateway serves, and has no live lists."""

from shortlist.local.parts import Part
from shortlist.local.probes import LOOPBACK, http_answers

NAME = "features"


def features_part(command: tuple[str, ...], metrics_port: int, redis_url: str) -> Part:
    """Describe it; ready once it has applied events and published lists."""
    return Part(
        NAME,
        command=command,
        probe=lambda: http_answers(metrics_port, "/health"),
        environment={
            "SHORTLIST_FEATURES_REDIS_URL": redis_url,
            "SHORTLIST_FEATURES_METRICS_ADDRESS": f"{LOOPBACK}:{metrics_port}",
        },
    )
