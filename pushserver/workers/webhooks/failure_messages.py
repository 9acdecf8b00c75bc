"""Error messages of failed deliveries.

They are stored and shown, so they contain no URL, header, signature or secret.
"""

import os
import re
import ssl
from collections.abc import Callable
from typing import Any

import aiohttp

from pushserver.workers.webhooks.bounded_response import MAX_ANSWER, TOO_LONG

HTTP_GONE = 410
_REDIRECTS = range(300, 400)
_MAX_LOCATION_LENGTH = 200
_USER_INFO = re.compile(r"//[^/]*@")


class AddressRefused(OSError):
    """The guard refuses the address of a connection."""


def status_message(status: int, location: str | None) -> str:
    """Return why an answer is a failure."""
    if status in _REDIRECTS and location is not None:
        # Queries and the part before the @ may contain tokens.
        shown_location = _USER_INFO.sub("//", re.split(r"[?#]", location)[0])[
            :_MAX_LOCATION_LENGTH
        ]
        return (
            f"The receiver redirected to {shown_location}: redirects are not followed."
        )
    if status == HTTP_GONE:
        return f"The receiver answered {status}: it wants no more events."
    return f"The receiver answered {status}."


def failure_message(failure: Exception) -> str:
    """Return why there is no answer."""
    for kind, say in _MESSAGES:
        if isinstance(failure, kind):
            return say(failure)
    return "The URL, a header or the secret is not fit to be sent."


def _unresolved(failure: aiohttp.ClientConnectorDNSError) -> str:
    return f"The host {failure.host} does not resolve."


def _not_trusted(failure: aiohttp.ClientConnectorCertificateError) -> str:
    return f"TLS failed: {_tls_message(failure.certificate_error)}."


def _no_tls(failure: aiohttp.ClientSSLError) -> str:
    return f"TLS failed: {_tls_message(failure.os_error)}."


def _no_connection(failure: aiohttp.ClientConnectorError) -> str:
    reason = failure.os_error
    if isinstance(reason, AddressRefused):
        return str(reason)
    message = os.strerror(reason.errno) if reason.errno else str(reason)
    return f"Cannot connect to {failure.host}:{failure.port}: {message}."


def _no_http(_: aiohttp.ClientResponseError) -> str:
    return "The answer is no HTTP that could be read."


def _broken(failure: OSError | aiohttp.ClientConnectionError) -> str:
    if getattr(failure, "errno", None) == TOO_LONG:
        return f"The receiver answered with more than {MAX_ANSWER // 1024} kB."
    return "The connection broke before the answer came."


#: The first match gives the message, so subclasses come before their bases.
_MESSAGES: tuple[tuple[type[Exception], Callable[[Any], str]], ...] = (
    (aiohttp.ClientConnectorDNSError, _unresolved),
    (aiohttp.ClientConnectorCertificateError, _not_trusted),
    (aiohttp.ClientSSLError, _no_tls),
    (aiohttp.ClientConnectorError, _no_connection),
    (aiohttp.ClientResponseError, _no_http),
    (aiohttp.ClientConnectionError, _broken),
    (OSError, _broken),
)


def _tls_message(reason: Exception) -> str:
    """Return the TLS library's message without its source location."""
    if isinstance(reason, ssl.SSLCertVerificationError):
        return f"certificate verify failed: {reason.verify_message}"
    if isinstance(reason, ssl.SSLError) and reason.reason:
        return reason.reason.replace("_", " ").lower()
    return "the connection broke during the handshake"
