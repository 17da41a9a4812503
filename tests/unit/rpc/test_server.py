import sys

import grpc
import pytest
import trustme

from shortlist.core.errors import StartError
from shortlist.rpc.server import open_front
from support.front_doors import ECHO, TIMEOUT_S, echo, on, opened


@pytest.fixture
def without_native(monkeypatch: pytest.MonkeyPatch) -> None:
    """Let `import pygrpc_native` fail, as it does where the extra is missing."""
    monkeypatch.delitem(sys.modules, "shortlist.rpc.native_front", raising=False)
    monkeypatch.setitem(sys.modules, "pygrpc_native", None)


@pytest.fixture(scope="module")
def certificate() -> tuple[bytes, bytes, bytes]:
    """Make a key and a chain for localhost, and the authority that signed them."""
    authority = trustme.CA()
    issued = authority.issue_cert("localhost")
    chain = b"".join(blob.bytes() for blob in issued.cert_chain_pems)
    return issued.private_key_pem.bytes(), chain, authority.cert_pem.bytes()


def test_auto_takes_the_native_front_door_where_it_is_installed() -> None:
    with opened("auto", echo) as front:
        assert front.name == "native"


@pytest.mark.usefixtures("without_native")
def test_auto_takes_grpcio_where_native_is_not_installed() -> None:
    with opened("auto", echo) as front:
        assert front.name == "grpcio"


@pytest.mark.usefixtures("without_native")
def test_native_that_is_not_installed_says_what_to_install() -> None:
    with pytest.raises(StartError, match=r"shortlist\[fast\]"):
        open_front("native", "127.0.0.1:0", (ECHO,))


def test_auto_serves_tls_with_grpcio(certificate: tuple[bytes, bytes, bytes]) -> None:
    with opened("auto", echo, credentials=grpc.ssl_server_credentials([certificate[:2]])) as front:
        assert front.name == "grpcio"
        trusted = grpc.ssl_channel_credentials(root_certificates=certificate[2])
        with grpc.secure_channel(f"localhost:{front.port}", trusted) as channel:
            assert on(channel, ECHO)(b"sealed", timeout=TIMEOUT_S) == b"sealed"


def test_native_with_tls_is_a_start_error(certificate: tuple[bytes, bytes, bytes]) -> None:
    with pytest.raises(StartError, match="TLS"):
        open_front("native", "127.0.0.1:0", (ECHO,), credentials=grpc.ssl_server_credentials([certificate[:2]]))
