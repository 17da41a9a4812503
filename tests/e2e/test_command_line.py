"""The embedded cluster and the commands that people type, as processes: `shortlist up`, and clients against it."""

import json
import subprocess
import sys
from collections.abc import Iterator
from pathlib import Path

import pytest

from shortlist.local.probes import grpc_serves
from shortlist.release.bundle import Release
from support.command_line import ANY_PORTS, TIMEOUT_S, Up, shortlist, up
from support.gateway_process import environment_of
from support.listed_releases import with_index
from support.real_servers import triton_installation
from support.tiny_release import category_of, item_id

NOBODY = "127.0.0.1:9"


def title(number: int) -> str:
    return f"{category_of(number)} no. {number}"


@pytest.fixture(scope="module")
def cluster(tiny_release: Release, tmp_path_factory: pytest.TempPathFactory) -> Iterator[Up]:
    """Run the whole cluster on the tiny release."""
    triton_installation()
    with up(tiny_release.path, tmp_path_factory.mktemp("up") / "stderr", "--ranker", "triton", *ANY_PORTS) as running:
        yield running


def test_up_says_in_one_line_of_json_where_everything_is(cluster: Up) -> None:
    addresses = cluster.addresses

    assert len(cluster.lines) == 1
    assert addresses["ranker"] == "triton"
    assert set(addresses) == {
        *("gateway", "metrics", "redis", "features_metrics", "ranker", "logs"),
        *("triton_grpc", "triton_http", "triton_metrics"),
    }
    assert all(addresses.values())
    assert grpc_serves(int(cluster.gateway.rsplit(":", 1)[1]))


def test_recommend_prints_titles_scores_sources_stages_and_who_ranked(cluster: Up) -> None:
    ended = shortlist("recommend", "user-00", "--limit", "5", "--gateway", cluster.gateway)

    assert ended.returncode == 0, ended.stderr
    assert ended.stdout.count(" no. ") >= 5
    for word in ("user-00", "score", "found by", "tower", "ranked by triton", "queue", "rank"):
        assert word in ended.stdout


def test_recommend_explains_what_the_user_had_and_what_the_ranker_saw(cluster: Up) -> None:
    ended = shortlist("recommend", "user-00", "--explain", "--gateway", cluster.gateway)

    assert ended.returncode == 0, ended.stderr
    for word in ("last touched: ", "tower_score", "log_popularity"):
        assert word in ended.stdout


def test_recommend_as_json_is_the_answer_as_a_message(cluster: Up) -> None:
    ended = shortlist("recommend", "user-00", "--limit", "3", "--json", "--gateway", cluster.gateway)

    answer = json.loads(ended.stdout)
    assert [item["rank"] for item in answer["items"]] == [1, 2, 3]
    assert answer["ranker"] == "triton"


def test_recommend_prints_pages_that_repeat_no_item(cluster: Up) -> None:
    options = ("--limit", "4", "--pages", "3", "--json", "--gateway", cluster.gateway)

    ended = shortlist("recommend", "user-00", *options)

    answers = json.loads("[" + ended.stdout.replace("\n}\n{", "\n},\n{") + "]")
    assert [len(answer["items"]) for answer in answers] == [4, 4, 4]
    assert len({item["item_id"] for answer in answers for item in answer["items"]}) == 12


def test_recommend_takes_a_session_and_a_category(cluster: Up) -> None:
    options = ("--session", item_id(3), "--session", item_id(9), "--category", "Lamps", "--limit", "4")

    ended = shortlist("recommend", "somebody-new", *options, "--gateway", cluster.gateway)

    assert ended.stdout.count("Lamps no. ") >= 4
    assert "cold start" not in ended.stdout


def test_recommend_for_somebody_new_says_that_it_is_a_cold_start(cluster: Up) -> None:
    assert "cold start" in shortlist("recommend", "somebody-new", "--gateway", cluster.gateway).stdout


def test_similar_prints_the_titles_of_the_item_and_its_neighbours(cluster: Up) -> None:
    ended = shortlist("similar", item_id(3), "--limit", "4", "--gateway", cluster.gateway)

    assert ended.returncode == 0, ended.stderr
    assert title(3) in ended.stdout
    assert ended.stdout.count("Lamps no. ") == 5


def test_rank_prints_the_given_items_and_names_the_unknown(cluster: Up) -> None:
    ended = shortlist("rank", "user-00", item_id(7), item_id(50), "ghost", "--gateway", cluster.gateway)

    assert ended.returncode == 0, ended.stderr
    for words in (title(7), title(50), "not in the catalogue: ghost"):
        assert words in ended.stdout


def test_record_says_which_version_of_the_row_has_the_event(cluster: Up) -> None:
    arguments = ("record", "shopper", item_id(3), "--type", "purchase", "--value", "2.5", "--gateway", cluster.gateway)

    first, second = shortlist(*arguments), shortlist(*arguments, "--json")

    assert first.stdout == f"recorded: purchase of {item_id(3)} by shopper, version 1 of the user's row\n"
    assert json.loads(second.stdout)["row_version"] == "2"
    assert title(3) in shortlist("recommend", "shopper", "--explain", "--gateway", cluster.gateway).stdout


def test_an_event_that_is_wrong_is_one_sentence(cluster: Up) -> None:
    ended = shortlist("record", "shopper", "", "--type", "click", "--gateway", cluster.gateway)

    assert ended.returncode == 2
    assert ended.stderr == "shortlist: item_id: must have 1 to 256 bytes, got 0\n"


def test_status_says_serving(cluster: Up) -> None:
    ended = shortlist("status", "--gateway", cluster.gateway)

    assert (ended.returncode, ended.stdout) == (0, f"{cluster.gateway}: SERVING\n")


def test_an_error_of_the_gateway_is_one_sentence(cluster: Up) -> None:
    ended = shortlist("similar", "ghost", "--gateway", cluster.gateway)

    assert ended.returncode == 1
    assert ended.stderr == "shortlist: NOT_FOUND: item_id: 'ghost' is not in the catalogue\n"


def test_a_gateway_that_is_not_there_is_one_sentence() -> None:
    ended = shortlist("recommend", "user-00", "--gateway", NOBODY)

    assert ended.returncode == 1
    assert ended.stderr.startswith("shortlist: UNAVAILABLE: ")
    assert ended.stderr.count("\n") == 1


def test_an_option_out_of_range_is_named(cluster: Up) -> None:
    ended = shortlist("recommend", "user-00", "--limit", "201", "--gateway", cluster.gateway)

    assert ended.returncode == 2
    assert "--limit" in ended.stderr


def test_recommend_loads_nothing_of_training_nor_of_the_servers(cluster: Up) -> None:
    program = (
        "import sys; from shortlist.cli import main\n"
        f"sys.argv = ['shortlist', 'recommend', 'user-00', '--gateway', '{cluster.gateway}']\n"
        "main()\n"
        "print('loaded:', *sorted({name.partition('.')[0] for name in sys.modules}))\n"
    )

    ended = subprocess.run(
        [sys.executable, "-c", program],
        env=environment_of({}),
        capture_output=True,
        text=True,
        timeout=TIMEOUT_S,
        check=True,
    )

    loaded = set(ended.stdout.splitlines()[-1].removeprefix("loaded:").split())
    assert "shortlist" in loaded
    assert not loaded & {"torch", "onnx", "onnxruntime", "faiss", "polars", "pyarrow", "redis", "tritonclient"}


def test_a_second_up_names_the_port_that_is_taken_and_leaves_the_first_alone(
    cluster: Up, tiny_release: Release
) -> None:
    port = cluster.gateway.rsplit(":", 1)[1]

    second = shortlist("up", "--release", str(tiny_release.path), *ANY_PORTS, "--gateway-port", port)

    assert second.returncode == 1
    assert second.stdout == ""
    assert second.stderr.splitlines()[-1] == (
        f"shortlist: port {port} (gateway) is taken: stop the other cluster or choose another with --gateway-port"
    )
    assert grpc_serves(int(port))


def test_a_release_that_is_none_is_refused_in_one_sentence(tmp_path: Path) -> None:
    ended = shortlist("release", "verify", str(tmp_path))

    assert ended.returncode == 2
    assert ended.stderr == f"shortlist: {tmp_path}: manifest.json cannot be read: No such file or directory\n"


def test_a_release_as_it_was_written_is_verified(tiny_release: Release) -> None:
    ended = shortlist("release", "verify", str(tiny_release.path))

    assert ended.returncode == 0
    assert "120 items" in ended.stdout


def test_sigterm_ends_up_with_status_0_and_without_another_word(tiny_release: Release, tmp_path: Path) -> None:
    with up(tiny_release.path, tmp_path / "stderr", "--ranker", "onnxruntime", *ANY_PORTS) as running:
        assert running.addresses["ranker"] == "onnxruntime"
        assert running.end() == (0, "")
        assert not grpc_serves(int(running.gateway.rsplit(":", 1)[1]))


def test_index_tune_tells_the_curve_and_makes_a_release_that_verifies(tiny_release: Release, tmp_path: Path) -> None:
    listed, out = with_index(tiny_release, "IVF8,SQfp16", tmp_path / "listed"), tmp_path / "tuned"
    ended = shortlist("index", "tune", str(listed.path), "--out", str(out))

    assert ended.returncode == 0, ended.stderr
    assert "nprobe 1: recall@200 " in ended.stdout
    assert shortlist("release", "verify", str(out)).returncode == 0

    again = shortlist("index", "tune", str(listed.path), "--out", str(out))
    assert again.returncode == 2
    assert "exists: a release is never overwritten" in again.stderr


def test_index_tune_of_an_exact_index_says_that_there_is_nothing_to_choose(
    tiny_release: Release, tmp_path: Path
) -> None:
    ended = shortlist("index", "tune", str(tiny_release.path), "--out", str(tmp_path / "tuned"))

    assert ended.returncode == 0, ended.stderr
    assert "nothing to choose" in ended.stdout
    assert "IVF8,SQfp16, nprobe 1: recall@200 " in ended.stdout


def test_rules_check_says_what_it_understood(tiny_release: Release, tmp_path: Path) -> None:
    path = tmp_path / "rules.toml"
    path.write_text(
        f'[[pin]]\nname = "launch"\nitem = "gone"\nposition = 2\n\n[[bury]]\nname = "b"\nitems = ["{item_id(3)}"]'
    )

    ended = shortlist("rules", "check", str(path), "--release", str(tiny_release.path))

    assert ended.returncode == 0, ended.stderr
    assert ended.stdout.splitlines() == [
        f"{path}: 2 rules",
        'line 1: pin "launch": item "gone" at position 2',
        f'line 6: bury "b": item "{item_id(3)}" after everything else',
        'note: line 1: pin "launch": the release has no item "gone"',
    ]


def test_rules_dry_run_says_what_each_rule_would_do(tiny_release: Release, tmp_path: Path) -> None:
    path = tmp_path / "rules.toml"
    path.write_text('[[cap]]\nname = "one"\nlevel = 2\nmost = 1\n')

    ended = shortlist("rules", "dry-run", str(path), "--release", str(tiny_release.path))

    assert ended.returncode == 0, ended.stderr
    first, second, last = ended.stdout.splitlines()
    assert first.startswith(f"{path}: 1 rules over ")
    assert second.startswith('line 1: cap "one": ')
    assert last.endswith(" items are others")


def test_rules_check_refuses_in_one_sentence(tmp_path: Path) -> None:
    path = tmp_path / "rules.toml"
    path.write_text("[[caps]]\n")

    ended = shortlist("rules", "check", str(path))

    assert (ended.returncode, ended.stdout) == (2, "")
    assert ended.stderr == f"shortlist: {path}:1: there is no rule caps; there are cap, pin, boost, bury\n"


def test_items_are_upserted_read_and_deleted(cluster: Up, tmp_path: Path) -> None:
    file = tmp_path / "items.jsonl"
    file.write_text('{"item_id": "kettle", "title": "Kettle", "price": 9.5}\n\n{"item_id": "pot", "title": "Pot"}\n')
    upserted = shortlist("items", "upsert", str(file), "--gateway", cluster.gateway)
    assert upserted.stdout.startswith("upserted: 2 items"), upserted.stderr
    read = json.loads(shortlist("items", "get", "kettle", "never", "--gateway", cluster.gateway).stdout)
    assert ([item["title"] for item in read["items"]], read["unknown_item_ids"]) == (["Kettle"], ["never"])
    deleted = shortlist("items", "delete", "kettle", "pot", "--gateway", cluster.gateway)
    assert deleted.stdout.startswith("deleted: 2 items on every server"), deleted.stderr
    read = json.loads(shortlist("items", "get", "kettle", "--gateway", cluster.gateway).stdout)
    assert read["unknown_item_ids"] == ["kettle"]


def test_a_line_that_is_no_item_is_named(tmp_path: Path) -> None:
    file = tmp_path / "items.jsonl"
    file.write_text('{"item_id": "kettle"}\n{"item_id": "pot", "colour": "red"}\n')
    ended = shortlist("items", "upsert", str(file), "--gateway", NOBODY)
    assert (ended.returncode, ended.stdout) == (2, "")
    assert f"{file}, line 2: " in ended.stderr
    assert "colour" in ended.stderr
