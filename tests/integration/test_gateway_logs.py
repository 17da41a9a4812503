"""The gateway's log as an operator reads it: JSON lines on standard error."""

import json
from pathlib import Path
from typing import Any

from shortlist.local.ports import GATEWAY_PORTS, Ports
from shortlist.release.bundle import Release
from shortlist.v1 import recommender_pb2
from support.gateway_process import running, settings_of
from support.gateways import TIMEOUT_S, reaching
from support.running_cluster import wait_until
from support.tiny_release import item_id

USER = "a-person@example.org"
TRACE = "0af7651916cd43dd8448eb211c80319c"
METADATA = (("x-caller", "shop"), ("traceparent", f"00-{TRACE}-b7ad6b7169203331-01"))


def test_a_slow_request_is_one_line_with_the_answer_s_id_and_nothing_of_the_user(
    tiny_release: Release, tmp_path: Path
) -> None:
    ports = Ports(0, 0, 0, 0, 0, 0).resolve(GATEWAY_PORTS)
    settings = settings_of(tiny_release.path, ports.gateway, gateway_slow_s="0.000001")

    with running(settings, ports.gateway, tmp_path) as gateway, reaching(ports.gateway, 0) as reached:
        request = recommender_pb2.RecommendRequest(user_id=USER, session_item_ids=[item_id(3)])
        answer = reached.call(request, timeout=TIMEOUT_S, metadata=METADATA)
        wait_until(lambda: gateway.wrote("slow request"), "the request is logged")
        lines: list[dict[str, Any]] = [json.loads(line) for line in gateway.log.splitlines()]

    (line,) = [line for line in lines if line["message"] == "slow request"]
    assert line["request_id"] == answer.request_id
    assert (line["release"], line["trace_id"], line["caller"]) == ("tiny", TRACE, "shop")
    assert (line["method"], line["code"]) == ("/shortlist.v1.RecommenderService/Recommend", "OK")
    assert list(line["stages_ms"]) == [timing.stage for timing in answer.stages]
    assert line["total_ms"] >= sum(line["stages_ms"].values())
    assert line["batch_size"] == 1
    assert len(bytes.fromhex(line["user"])) == 8
    assert USER not in gateway.log
    assert item_id(3) not in gateway.log
