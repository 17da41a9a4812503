"""`shortlist up --json` with stand-ins for our own services: RELEASE_DIR RANKER RUN_DIR [PORTS as JSON]."""

import json
import sys
from pathlib import Path

from shortlist.core.errors import ShortlistError
from shortlist.local.embedded import RankerChoice
from shortlist.local.gateway import Programs
from shortlist.local.ports import Ports
from shortlist.local.up import up

FREE_PORTS = Ports(gateway=0, metrics=0, redis=0, triton_http=0, triton_grpc=0, triton_metrics=0)
HERE = Path(__file__).parent
PROGRAMS = Programs(
    gateway=(sys.executable, str(HERE / "stand_in_gateway.py")),
    seed=(sys.executable, str(HERE / "stand_in_seed.py")),
    features=(sys.executable, str(HERE / "stand_in_features.py")),
)


def main(release: str, ranker: str, run_dir: str, ports: str = "") -> None:
    try:
        up(
            Path(release),
            Ports(**json.loads(ports)) if ports else FREE_PORTS,
            RankerChoice(ranker),
            as_json=True,
            run_dir=Path(run_dir),
            programs=PROGRAMS,
        )
    except ShortlistError as error:
        sys.exit(str(error))


if __name__ == "__main__":
    main(*sys.argv[1:])
