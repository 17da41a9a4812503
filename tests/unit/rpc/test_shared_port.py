import socket

import pytest

from shortlist.core.errors import StartError
from shortlist.rpc.front import FrontOptions
from shortlist.rpc.server import FrontKind
from shortlist.rpc.shared_port import held_port
from support.front_doors import FRONT_KINDS, calling, echo, opened

ANY = "127.0.0.1:0"


def port_of(address: str) -> int:
    return int(address.rpartition(":")[2])


def test_a_port_that_is_held_is_given_to_no_stranger() -> None:
    with held_port(ANY) as address:
        with pytest.raises(OSError, match="in use"):
            socket.create_server(("127.0.0.1", port_of(address)))
        with pytest.raises(StartError, match=f"cannot listen on {address}: it is in use"), held_port(address):
            pass
    socket.create_server(("127.0.0.1", port_of(address))).close()


def test_a_port_that_others_share_is_refused() -> None:
    with socket.create_server(("127.0.0.1", 0), reuse_port=True) as others:
        address = f"127.0.0.1:{others.getsockname()[1]}"
        with pytest.raises(StartError, match=f"cannot listen on {address}"), held_port(address):
            pass


@pytest.mark.parametrize("address", ["unix:/tmp/socket", "127.0.0.1", "127.0.0.1:http", "127.0.0.1:70000"])
def test_an_address_that_cannot_be_shared_is_refused(address: str) -> None:
    with pytest.raises(StartError, match="cannot listen on"), held_port(address):
        pass


def test_who_holds_a_port_is_given_no_connections() -> None:
    with held_port(ANY) as address:
        place = ("127.0.0.1", port_of(address))
        with pytest.raises(ConnectionRefusedError):
            socket.create_connection(place)
        with socket.create_server(place, reuse_port=True) as server:
            for _ in range(64):
                with socket.create_connection(place) as connection:
                    server.settimeout(5)
                    accepted, peer = server.accept()
                    accepted.close()
                    assert peer == connection.getsockname()


@pytest.mark.parametrize("kind", FRONT_KINDS)
def test_a_port_serves_again_right_after_a_service_that_left_connections(kind: FrontKind) -> None:
    with held_port(ANY) as address:
        shared = FrontOptions(reuse_port=True)
        with opened(kind, echo, address=address, options=shared) as front, calling(front) as call:
            assert call(b"x") == b"x"
            front.stop(0)
    with held_port(address) as again:
        assert again == address
