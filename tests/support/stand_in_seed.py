"""A program in the place of `shortlist.features.seed`: RELEASE_DIR; writes one row, or fails as told."""

import os
import sys
from pathlib import Path

import redis


def main(release: Path) -> None:
    if (release / "unseedable").exists():
        sys.exit("users.npz is truncated")
    redis.Redis.from_url(os.environ["SHORTLIST_FEATURES_REDIS_URL"]).set("seeded", release.name)


if __name__ == "__main__":
    main(Path(sys.argv[1]))
