"""Which addresses are those of a server."""

import pytest

from pushserver.client import Client, ClientError, InvalidServer, sync


@pytest.mark.parametrize(
    ("given", "meant"),
    [
        ("http://127.0.0.1:8080", "http://127.0.0.1:8080"),
        ("http://127.0.0.1:8080/", "http://127.0.0.1:8080"),
        (" https://push.example.com/prefix/\n", "https://push.example.com/prefix"),
        ("http://[::1]:8080/api/v1/", "http://[::1]:8080"),
        ("http://x/prefix/api/v1", "http://x/prefix"),
    ],
)
def test_addresses(given: str, meant: str) -> None:
    """
    Slashes, blanks and the API's own prefix at the end do no harm; a proxy's is kept.
    """
    assert [meant, meant] == [each(given).server for each in (Client, sync.Client)]


@pytest.mark.parametrize(
    "given",
    [
        *("", "127.0.0.1:8080", "localhost", "push.example.com", "ftp://x", "http://"),
        *("http://x:port", "http://x:70000", "http://[::1", "http://x/?a=1"),
    ],
)
def test_no_addresses(given: str) -> None:
    """
    What is no address is refused when the client is made, and is named.
    """
    with pytest.raises(InvalidServer, match="address") as refused:
        Client(given)

    assert isinstance(refused.value, ClientError)
    assert isinstance(refused.value, ValueError)
    assert given in str(refused.value)
