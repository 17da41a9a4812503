"""The edge as deployed, the real Envoy, before a real gateway: JSON, gRPC-web, gRPC and TLS in, gRPC out."""

import http.client
import json
import ssl
import struct
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import grpc
import pytest
from grpc_health.v1 import health_pb2, health_pb2_grpc

from shortlist.v1 import recommender_pb2, recommender_pb2_grpc
from support.edge import Edge, edge
from support.gateways import TIMEOUT_S, Reached, item_ids
from support.real_servers import free_ports
from support.running_cluster import wait_until
from support.tiny_release import item_id

USER = "user-00"
RECOMMENDATIONS = f"/v1/users/{USER}/recommendations"


@pytest.fixture(scope="module")
def door(local_gateway: Reached, tmp_path_factory: pytest.TempPathFactory) -> Iterator[Edge]:
    """Run the edge before the gateway that the tests share, and wait until it has found it healthy."""
    with edge(tmp_path_factory.mktemp("edge"), local_gateway.port) as running:
        wait_until(lambda: asked(running, RECOMMENDATIONS)[0] == 200, "the gateway is healthy to the edge")
        yield running


def asked(door: Edge, path: str, body: bytes | None = None, **headers: str) -> tuple[int, bytes]:
    """Send GET, or POST with a body, over HTTP/1.1; return status and body."""
    connection = http.client.HTTPConnection("127.0.0.1", door.plain_port, timeout=TIMEOUT_S)
    try:
        named = {name.replace("_", "-"): value for name, value in headers.items()}
        connection.request("GET" if body is None else "POST", path, body, named)
        answer = connection.getresponse()
        return answer.status, answer.read()
    finally:
        connection.close()


def answer_of(door: Edge, path: str, body: dict[str, Any] | None = None) -> dict[str, Any]:
    """Ask for JSON and expect 200."""
    status, content = asked(door, path, None if body is None else json.dumps(body).encode())
    assert status == 200, content
    decoded: dict[str, Any] = json.loads(content)
    return decoded


def test_curl_and_grpc_get_the_same_recommendations(door: Edge, local_gateway: Reached) -> None:
    answer = answer_of(door, f"{RECOMMENDATIONS}?limit=5")

    assert [item["item_id"] for item in answer["items"]] == item_ids(local_gateway.recommend(USER, limit=5))
    assert answer["ranker"] == "onnxruntime"


def test_a_filter_is_given_in_the_query_or_in_a_body(door: Edge) -> None:
    dropped = item_id(3)
    by_query = answer_of(door, f"{RECOMMENDATIONS}?filter.exclude_item_ids={dropped}&session_item_ids={item_id(4)}")
    by_body = answer_of(
        door,
        RECOMMENDATIONS,
        {"filter": {"exclude_item_ids": [dropped]}, "session_item_ids": [item_id(4)]},
    )

    assert [item["item_id"] for item in by_query["items"]] == [item["item_id"] for item in by_body["items"]]
    assert dropped not in {item["item_id"] for item in by_body["items"]}


def test_every_served_call_has_a_path(door: Edge) -> None:
    similar = answer_of(door, f"/v1/items/{item_id(0)}/similar?limit=3")
    ranked = answer_of(door, f"/v1/users/{USER}/rank", {"item_ids": [item_id(1), item_id(2), "ghost"]})
    batch = answer_of(door, "/v1/recommendations:batch", {"requests": [{"user_id": USER}, {"user_id": ""}]})
    items = answer_of(door, f"/v1/items?item_ids={item_id(0)}&item_ids=ghost")
    clicked = {"event_id": "by-json", "user_id": "by-json", "item_id": item_id(1), "type": "EVENT_TYPE_CLICK"}
    recorded = answer_of(door, "/v1/events", {"events": [clicked, {"event_id": "wrong"}]})

    assert len(similar["items"]) == 3
    assert ranked["unknown_item_ids"] == ["ghost"]
    assert [result["status"]["code"] for result in batch["results"]] == [0, 3]
    assert [item["item_id"] for item in items["items"]] == [item_id(0)]
    first, second = recorded["results"]
    assert (first["outcome"], first["row_version"]) == ("EVENT_OUTCOME_ACCEPTED", "1")
    assert second["reason"].startswith("user_id: ")


def test_a_refusal_is_json_that_names_the_field(door: Edge) -> None:
    status, content = asked(door, f"{RECOMMENDATIONS}?limit=9999")

    assert status == 400
    assert "limit" in json.loads(content)["message"]


@pytest.mark.parametrize(
    ("path", "body", "expected"),
    [
        (f"{RECOMMENDATIONS}?limitt=5", None, 400),
        ("/v1/users/user-00/nonsense", None, 404),
        ("/admin", None, 404),
        ("/v1/items", b'{"items": []}', 403),
        ("/v1/items:delete", b'{"item_ids": []}', 403),
        ("/v1/events", b'{"events": []}', 400),
    ],
    ids=["unknown parameter", "unknown call", "unknown path", "upsert", "delete", "no events"],
)
def test_what_the_edge_does_not_pass_has_a_status(door: Edge, path: str, body: bytes | None, expected: int) -> None:
    assert asked(door, path, body, content_type="application/json")[0] == expected


def test_the_catalogue_cannot_be_written_from_outside_by_grpc_either(door: Edge) -> None:
    with grpc.insecure_channel(f"127.0.0.1:{door.plain_port}") as channel:
        call = channel.unary_unary("/shortlist.v1.CatalogService/DeleteItems")
        with pytest.raises(grpc.RpcError) as refused:
            call(b"", timeout=TIMEOUT_S)
    assert refused.value.code() == grpc.StatusCode.PERMISSION_DENIED


def test_grpc_passes_and_so_does_health(door: Edge) -> None:
    with grpc.insecure_channel(f"127.0.0.1:{door.plain_port}") as channel:
        stub = recommender_pb2_grpc.RecommenderServiceStub(channel)
        assert stub.Recommend(recommender_pb2.RecommendRequest(user_id=USER), timeout=TIMEOUT_S).items
        health = health_pb2_grpc.HealthStub(channel).Check(health_pb2.HealthCheckRequest(), timeout=TIMEOUT_S)
    assert health.status == health_pb2.HealthCheckResponse.SERVING


def test_a_page_may_speak_grpc_web(door: Edge) -> None:
    request = recommender_pb2.RecommendRequest(user_id=USER, limit=3).SerializeToString()
    framed = struct.pack(">BI", 0, len(request)) + request
    status, content = asked(
        door,
        "/shortlist.v1.RecommenderService/Recommend",
        framed,
        content_type="application/grpc-web+proto",
        x_grpc_web="1",
    )

    flag, size = struct.unpack(">BI", content[:5])
    answer = recommender_pb2.RecommendResponse.FromString(content[5 : 5 + size])
    assert (status, flag, len(answer.items)) == (200, 0, 3)
    assert b"grpc-status:0" in content[5 + size :].replace(b" ", b"")


def test_tls_serves_grpc_and_json_with_the_certificate_of_the_file(door: Edge) -> None:
    with grpc.secure_channel(
        f"localhost:{door.tls_port}", grpc.ssl_channel_credentials(root_certificates=door.authority)
    ) as channel:
        stub = recommender_pb2_grpc.RecommenderServiceStub(channel)
        assert stub.Recommend(recommender_pb2.RecommendRequest(user_id=USER), timeout=TIMEOUT_S).items

    trusting = ssl.create_default_context(cadata=door.authority.decode())
    connection = http.client.HTTPSConnection("localhost", door.tls_port, timeout=TIMEOUT_S, context=trusting)
    connection.request("GET", RECOMMENDATIONS)
    assert connection.getresponse().status == 200
    connection.close()


def test_prometheus_reads_the_edge_but_the_admin_interface_is_not_there(door: Edge) -> None:
    def inner(path: str) -> tuple[int, bytes]:
        connection = http.client.HTTPConnection("127.0.0.1", door.metrics_port, timeout=TIMEOUT_S)
        connection.request("GET", path)
        answer = connection.getresponse()
        return answer.status, answer.read()

    status, page = inner("/stats/prometheus")
    assert status == 200
    assert b'envoy_cluster_membership_healthy{envoy_cluster_name="gateway"} 1' in page
    assert inner("/quitquitquit")[0] == 404


def test_calls_go_round_a_gateway_that_is_not_there(local_gateway: Reached, tmp_path: Path) -> None:
    with edge(tmp_path, local_gateway.port, free_ports().gateway) as running:
        wait_until(lambda: asked(running, RECOMMENDATIONS)[0] == 200, "a gateway is healthy to the edge")
        assert {asked(running, RECOMMENDATIONS)[0] for _ in range(20)} == {200}


def test_without_a_gateway_the_edge_says_unavailable(tmp_path: Path) -> None:
    with edge(tmp_path, free_ports().gateway) as running:
        assert asked(running, RECOMMENDATIONS)[0] == 503
