"""Write the dashboards' JSON: `python -m deploy.grafana.build`."""

import json
from pathlib import Path

from deploy.grafana import parts, recommendations, service
from grafana_foundation_sdk.cog.encoder import JSONEncoder

DASHBOARDS = Path(__file__).with_name("dashboards")


def render() -> dict[str, str]:
    """Render every dashboard; JSON by file name."""
    boards = {"service": service.board(), "parts": parts.board(), "recommendations": recommendations.board()}
    return {
        f"{name}.json": json.dumps(board, cls=JSONEncoder, indent=1, sort_keys=True) + "\n"
        for name, board in boards.items()
    }


def main() -> None:
    """Write them all."""
    for name, text in render().items():
        (DASHBOARDS / name).write_text(text)


if __name__ == "__main__":
    main()
