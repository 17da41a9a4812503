"""The generator against the real gateway: every answer ok, rows written, degraded ones told apart."""

from pathlib import Path

import numpy as np
import pytest
from loadtest.arrivals import ordered, poisson, user_id
from loadtest.generator.run import Pace, Target, run

from shortlist.features.keys import user_key
from shortlist.release.bundle import Release
from support.front_doors import FRONT_KINDS
from support.gateways import serving
from support.real_servers import Valkey
from support.tiny_release import numbers_in, user_row

_USERS = 50


@pytest.fixture
def rows(tmp_path: Path, valkey: Valkey) -> Path:
    """Rows of one length, as they are in the store already."""
    row = user_row(numbers_in("Tea")[:10]).encode()
    with valkey.client() as client:
        for user in range(_USERS):
            client.set(user_key(user_id(user)), row)
    np.save(tmp_path / "rows.npy", np.tile(np.frombuffer(row, np.uint8), (_USERS, 1)))
    return tmp_path / "rows.npy"


@pytest.mark.parametrize("front", FRONT_KINDS)
def test_every_answer_of_a_gateway_is_ok_and_every_write_arrives(
    tiny_release: Release, valkey: Valkey, rows: Path, front: str
) -> None:
    arrivals = poisson(200.0, 1.0, 1, users=_USERS)
    writes = int(arrivals.is_write.sum())
    with serving(tiny_release, valkey.url, front=front) as gateway:
        target = Target(gateway.address, 8, redis=f"127.0.0.1:{valkey.port}", rows=rows)
        result = run(target, arrivals, Pace(drain_s=10.0))
    assert result["reads"]["outcomes"] == {"ok": len(arrivals) - writes}
    assert result["writes"]["outcomes"] == {"ok": writes}


@pytest.mark.parametrize("front", FRONT_KINDS)
def test_every_request_of_every_batch_is_ok_and_is_another_users(
    tiny_release: Release, valkey: Valkey, rows: Path, front: str
) -> None:
    arrivals = ordered(10 * 32 + 40, 1, users=_USERS)
    reads = int((~arrivals.is_write).sum()) // 32 * 32
    with serving(tiny_release, valkey.url, front=front, deadline_s=5.0) as gateway:
        target = Target(gateway.address, 2, users_a_call=32, redis=f"127.0.0.1:{valkey.port}", rows=rows)
        result = run(target, arrivals, Pace(in_flight=4, seconds=10.0, drain_s=10.0))
    assert result["reads"]["outcomes"] == {"ok": reads}
    assert result["reads"]["calls"] == reads // 32
    assert result["writes"]["outcomes"] == {"ok": int(arrivals.is_write.sum())}


def test_batches_without_features_are_degraded_and_not_ok(tiny_release: Release) -> None:
    with serving(tiny_release) as gateway:
        arrivals = ordered(64, 1, users=_USERS, write_share=0.0)
        result = run(Target(gateway.address, 1, users_a_call=32), arrivals, Pace(drain_s=10.0))
    assert result["reads"]["outcomes"] == {"degraded": 64}


def test_answers_without_features_are_degraded_and_not_ok(tiny_release: Release) -> None:
    with serving(tiny_release) as gateway:
        arrivals = ordered(50, 1, users=_USERS, write_share=0.0)
        result = run(Target(gateway.address, 4), arrivals, Pace(drain_s=10.0))
    assert result["reads"]["outcomes"] == {"degraded": 50}


def test_a_method_that_there_is_not_is_named_unimplemented(tiny_release: Release) -> None:
    with serving(tiny_release) as gateway:
        target = Target(gateway.address, 4, method="/shortlist.v1.RecommenderService/Nothing")
        result = run(target, ordered(20, 1, users=_USERS, write_share=0.0), Pace(drain_s=10.0))
    assert result["reads"]["outcomes"] == {"UNIMPLEMENTED": 20}
