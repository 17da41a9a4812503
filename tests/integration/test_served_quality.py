"""The offline figures next to those of the gateway's answers: real gateway, real Valkey, a release without training."""

import json
import sys
from pathlib import Path

import pytest
from loadtest import served_quality
from loadtest.served_quality import COMPARED, SERVED_NAME, compare

from shortlist.core.errors import UnavailableError
from shortlist.offline import datasets
from shortlist.offline.exams import Exam
from shortlist.offline.retriever import CANDIDATES
from shortlist.release.bundle import Release, seal, written_beside
from support.gateways import UNREACHABLE, serving
from support.real_servers import Valkey
from support.tiny_logs import tiny_log
from support.tiny_release import ITEMS, manifest, write_parts

LOG = tiny_log(users=100, items=ITEMS)


@pytest.fixture(scope="module")
def exam() -> Exam:
    """Cut the log; every item is sold before the cut."""
    return Exam.by_time(LOG)


@pytest.fixture(scope="module")
def work(exam: Exam, tmp_path_factory: pytest.TempPathFactory) -> Path:
    """Make a work folder with the tiny release over the log's items, as wide as a trained one."""
    work = tmp_path_factory.mktemp("work")
    order = [int(item_id.removeprefix("item-")) for item_id in exam.split.interactions.vocabulary.ids]
    (work / "online-retail").mkdir()
    with written_beside(work / "online-retail" / "release-3") as folder:
        write_parts(folder, order)
        seal(folder, manifest().model_copy(update={"candidates": CANDIDATES}))
    return work


@pytest.fixture(scope="module")
def release(work: Path) -> Release:
    return Release.open(work / "online-retail" / "release-3")


def test_the_gateway_answers_what_is_measured_offline(release: Release, exam: Exam, valkey: Valkey) -> None:
    with serving(release, valkey.url) as gateway:
        comparison = compare(release, exam.trial(), gateway.address, valkey.url)
    assert comparison.users == len(exam.trial().test)
    assert comparison.offline.ndcg_at_10 > 0
    for name in COMPARED:
        assert getattr(comparison.served, name) == pytest.approx(getattr(comparison.offline, name), abs=0.001)
    assert comparison.same_shown == pytest.approx(1.0, abs=0.02)  # floats may tie, or not, by the batch
    assert comparison.beyond_limit == 0


def test_degraded_answers_are_no_measurement(release: Release, exam: Exam, valkey: Valkey) -> None:
    users = len(exam.trial().test)
    with (
        serving(release) as without_store,
        pytest.raises(UnavailableError, match=rf"{users} of {users} answers are degraded \(DEGRADED_FEATURES_UNAV"),
    ):
        compare(release, exam.trial(), without_store.address, valkey.url)


def test_a_gateway_that_is_not_there_is_one_sentence(release: Release, exam: Exam, valkey: Valkey) -> None:
    with pytest.raises(UnavailableError, match="gateway: Recommend failed with UNAVAILABLE: "):
        compare(release, exam.trial(), UNREACHABLE, valkey.url)


def test_the_command_serves_what_is_kept_and_writes_it_beside_once(
    work: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    monkeypatch.setattr(datasets, "load", lambda *_: LOG)
    monkeypatch.setattr(sys, "argv", ["served_quality", "--online-retail", "unread", "--work", str(work)])

    assert served_quality.main() == 0

    written = json.loads((work / "online-retail" / SERVED_NAME).read_text())
    assert written["seed"] == 3
    assert written["ndcg_at_10"] == pytest.approx(written["offline_ndcg_at_10"], abs=0.001)
    assert [path.name for path in work.iterdir()] == ["online-retail"]  # other exams have no release
    assert "online-retail, seed 3" in capsys.readouterr().err
    assert served_quality.main() == 0
    assert capsys.readouterr().err == ""


def test_a_release_that_knows_the_test_fails_its_exam(
    work: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    (tmp_path / "online-retail").mkdir()
    (tmp_path / "online-retail" / "release-1").symlink_to(work / "online-retail" / "release-3")
    monkeypatch.setattr(datasets, "load", lambda *_: tiny_log(seed=1, users=100, items=ITEMS))
    monkeypatch.setattr(sys, "argv", ["served_quality", "--online-retail", "unread", "--work", str(tmp_path)])

    assert served_quality.main() == 1

    assert "online-retail: tiny was trained on another log" in capsys.readouterr().err
    assert not (tmp_path / "online-retail" / SERVED_NAME).exists()
