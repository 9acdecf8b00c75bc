"""Checks and trims the address of a server."""

from urllib.parse import urlsplit

from pushserver.client.errors import InvalidServer

#: Prefix of every path of the API.
BASE = "/api/v1"


def server_address(text: str) -> str:
    """
    Return the address without slashes at its end, and without the API's own prefix.

    A path before that is kept: a proxy's.

    Raises:
        InvalidServer: it is no `http://` or `https://` with a host.
    """
    address = text.strip().rstrip("/").removesuffix(BASE).rstrip("/")
    try:
        url = urlsplit(address)
        # The port raises, too, if it is none.
        is_address = url.scheme in ("http", "https") and url.hostname and url.port != 0
    except ValueError as error:
        raise InvalidServer(f"{text!r} is no address of a server: {error}.") from None
    if not is_address:
        example = "such as http://127.0.0.1:8080 or https://push.example.com/prefix"
        raise InvalidServer(f"{text!r} is no address of a server, {example}.")
    if url.query or url.fragment:
        raise InvalidServer(f"The address of a server ends at its path: {text!r}.")
    return address
