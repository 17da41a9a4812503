"""A program in the place of `shortlist.features.seed`: RELEASE_DIR REDIS_URL; writes one row, or fails as told."""

import sys
from pathlib import Path

import redis


def main(release: Path, redis_url: str) -> None:
    if (release / "unseedable").exists():
        sys.exit("users.npz is truncated")
    redis.Redis.from_url(redis_url).set("seeded", release.name)


if __name__ == "__main__":
    main(Path(sys.argv[1]), sys.argv[2])
