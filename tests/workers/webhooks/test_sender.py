"""The sender: what is sent, how it is signed, and what answers mean."""

import base64
import json
import time
from datetime import UTC, datetime
from typing import Any

import pytest
from aiohttp import web
from standardwebhooks.webhooks import Webhook, WebhookVerificationError

from pushserver.clock import SECOND
from pushserver.model.subscription import new_webhook_secret
from pushserver.workers.webhooks.sender import MAX_KEPT, STREAM_ABOVE, WebhookSender
from tests.workers.webhooks.receiver import (
    BODY,
    NOW_SECONDS,
    SECRET,
    ReceivedRequest,
    respond_with,
    running_receiver,
    target,
)


def verified(request: ReceivedRequest, secret: str, body: bytes | None = None) -> Any:
    """Let the library of Standard Webhooks verify what came in."""
    sent = request.body if body is None else body
    return Webhook(secret).verify(sent, dict(request.headers))


async def test_verified(sender: WebhookSender) -> None:
    """What arrives is verified by the library of Standard Webhooks."""
    async with running_receiver(respond_with()) as receiver:
        sent = await sender.send(target(receiver.url, timestamp=int(time.time())))

    assert sent.ok
    assert json.loads(BODY) == verified(receiver.requests[0], SECRET)


async def test_one_flipped_bit(sender: WebhookSender) -> None:
    """One flipped bit of the body, the id, the time or the signature is noticed."""
    async with running_receiver(respond_with()) as receiver:
        await sender.send(target(receiver.url, timestamp=int(time.time())))

    request = receiver.requests[0]
    flipped = bytearray(request.body)
    flipped[2] ^= 1
    with pytest.raises(WebhookVerificationError):
        verified(request, SECRET, bytes(flipped))
    for name in ("webhook-id", "webhook-timestamp", "webhook-signature"):
        headers = request.headers.copy()
        value = headers[name]
        headers[name] = value[:-3] + chr(ord(value[-3]) ^ 1) + value[-2:]
        with pytest.raises((WebhookVerificationError, ValueError)):
            Webhook(SECRET).verify(request.body, dict(headers))


async def test_two_secrets(sender: WebhookSender) -> None:
    """While a secret is replaced, the old one and the new one both verify."""
    new, other = new_webhook_secret(), new_webhook_secret()
    async with running_receiver(respond_with()) as receiver:
        now = int(time.time())
        await sender.send(target(receiver.url, secrets=[new, SECRET], timestamp=now))

    request = receiver.requests[0]
    assert 2 == len(request.headers["webhook-signature"].split(" "))
    assert json.loads(BODY) == verified(request, new) == verified(request, SECRET)
    with pytest.raises(WebhookVerificationError):
        verified(request, other)


async def test_long_text(sender: WebhookSender) -> None:
    """A long body, of whatever letters, is signed like any other, by each secret."""
    body, secrets = ("é☃😀" * 100_000).encode(), [SECRET, new_webhook_secret()]
    async with running_receiver(respond_with()) as receiver:
        await sender.send(target(receiver.url, body=body, secrets=secrets))

    at = datetime.fromtimestamp(NOW_SECONDS, UTC)
    expected = [Webhook(each).sign("msg_1", at, body.decode()) for each in secrets]
    headers = receiver.requests[0].headers
    assert " ".join(expected) == headers["webhook-signature"]


async def test_signature(sender: WebhookSender) -> None:
    """The signature is the HMAC that openssl makes of id, time and body."""
    key = base64.b64encode(b"a secret of twenty-four!").decode()
    async with running_receiver(respond_with()) as receiver:
        await sender.send(target(receiver.url, secrets=[f"whsec_{key}"], body=b"{}"))

    assert (
        "v1,rdFAR0X6uecZ4x7pMA00cspogt8v3wVD4C7lgNsNkMo="
        == receiver.requests[0].headers["webhook-signature"]
    )


async def test_request(sender: WebhookSender) -> None:
    """The body arrives to the byte, with the headers that it needs and no others."""
    async with running_receiver(respond_with()) as receiver:
        url = f"{receiver.url}?token=a%2Fb&x=%20"
        await sender.send(target(url))

    request = receiver.requests[0]
    headers = {name.lower(): value for name, value in request.headers.items()}
    headers.pop("webhook-signature")
    assert (BODY, "/hook?token=a%2Fb&x=%20") == (request.body, request.path)
    assert {
        "host": receiver.url.split("/")[2],
        "content-type": "application/json",
        "content-length": str(len(BODY)),
        "user-agent": "pushserver/1.2.3",
        "accept": "*/*",
        "accept-encoding": "identity",
        "webhook-id": "msg_1",
        "webhook-timestamp": str(NOW_SECONDS),
    } == headers


async def test_own_headers(sender: WebhookSender) -> None:
    """A subscription's headers are sent, but none takes the place of what is ours."""
    own = {
        "Authorization": "Bearer x",
        "X-Site": "7",
        "Webhook-Id": "forged",
        "webhook-other": "forged",
        "HOST": "forged.example",
        "Content-Length": "1",
        "Transfer-Encoding": "chunked",
        "Expect": "100-continue",
    }
    async with running_receiver(respond_with()) as receiver:
        await sender.send(target(receiver.url, headers=own))

    headers = receiver.requests[0].headers
    assert ("Bearer x", "7") == (headers["Authorization"], headers["X-Site"])
    assert "msg_1" == headers["webhook-id"]
    assert BODY == receiver.requests[0].body
    assert "forged" not in "".join(headers.values())
    assert {"webhook-other", "Expect", "Transfer-Encoding"}.isdisjoint(headers)


async def test_long_body(sender: WebhookSender) -> None:
    """A body of any length is sent."""
    body = b'{"image":"' + b"A" * STREAM_ABOVE + b'"}'
    async with running_receiver(respond_with()) as receiver:
        sent = await sender.send(target(receiver.url, body=body))

    assert sent.ok
    assert body == receiver.requests[0].body


@pytest.mark.parametrize("status", [200, 201, 202, 204, 299])
async def test_success(sender: WebhookSender, status: int) -> None:
    """Any 2xx is a success, and the answer is stored."""
    text = "" if status == 204 else "thanks"
    async with running_receiver(respond_with(status, text)) as receiver:
        sent = await sender.send(target(receiver.url))

    assert (True, False, None) == (sent.ok, sent.is_gone, sent.retry_after)
    attempt = sent.attempt
    assert (NOW_SECONDS * SECOND, status, text, None) == (
        attempt.at,
        attempt.status,
        attempt.answer,
        attempt.error,
    )
    assert 0 < attempt.duration < 10 * SECOND


@pytest.mark.parametrize("status", [304, 400, 401, 404, 429, 500, 503])
async def test_failure(sender: WebhookSender, status: int) -> None:
    """Any other status is a failure, with the answer for whoever looks into it."""
    text = "" if status == 304 else "no"
    async with running_receiver(respond_with(status, text)) as receiver:
        sent = await sender.send(target(receiver.url))

    assert (False, False) == (sent.ok, sent.is_gone)
    assert (status, text) == (sent.attempt.status, sent.attempt.answer)
    assert f"The receiver answered {status}." == sent.attempt.error


async def test_gone(sender: WebhookSender) -> None:
    """A 410 says that the receiver wants no more."""
    async with running_receiver(respond_with(410)) as receiver:
        sent = await sender.send(target(receiver.url))

    assert (False, True) == (sent.ok, sent.is_gone)
    assert "The receiver answered 410: it wants no more events." == sent.attempt.error


@pytest.mark.parametrize("status", [301, 302, 303, 307, 308])
async def test_redirect(sender: WebhookSender, status: int) -> None:
    """A redirect is a failure and not followed; what it may hold is not repeated."""
    async with running_receiver(respond_with()) as other:
        place = other.url.replace("http://", "http://me:secret@") + "?t=secret#s"
        async with running_receiver(respond_with(status, Location=place)) as receiver:
            sent = await sender.send(target(receiver.url))

    assert [] == other.requests
    assert (False, status) == (sent.ok, sent.attempt.status)
    assert (
        f"The receiver redirected to {other.url}: redirects are not followed."
        == sent.attempt.error
    )


@pytest.mark.parametrize(
    ("header", "wait"),
    [
        ("120", 120),
        (" 7 ", 7),
        ("0", 0),
        ("9" * 400, 86_400),
        ("Thu, 01 Jan 2026 00:01:00 GMT", 60),
        ("Thursday, 01-Jan-26 00:01:00 GMT", 60),
        ("Wed, 31 Dec 2025 00:00:00 GMT", 0),
        ("Fri, 01 Jan 2027 00:00:00 GMT", 86_400),
        ("soon", None),
        ("-5", None),
        ("1.5", None),
        ("٣", None),
        ("Thu, 01 Jan 99999 00:01:00 GMT", None),
    ],
)
async def test_retry_after(
    sender: WebhookSender, header: str, wait: float | None
) -> None:
    """Retry-After is seconds or a date, a day at most; else it is passed over."""
    async with running_receiver(respond_with(429, Retry_After=header)) as receiver:
        sent = await sender.send(target(receiver.url))

    assert wait == sent.retry_after


async def test_retry_after_success(sender: WebhookSender) -> None:
    """After a success nothing is waited for."""
    async with running_receiver(respond_with(200, Retry_After="60")) as receiver:
        assert None is (await sender.send(target(receiver.url))).retry_after


async def test_connections_are_kept(sender: WebhookSender) -> None:
    """What goes to one receiver, one after the other, takes one connection."""
    async with running_receiver(respond_with(500, "no")) as receiver:
        for _ in range(3):
            await sender.send(target(receiver.url))

    assert 1 == len({request.peer for request in receiver.requests})


async def test_no_cookies(sender: WebhookSender) -> None:
    """A cookie that a receiver sets is not sent back."""
    async with running_receiver(respond_with(Set_Cookie="a=b")) as receiver:
        for _ in range(2):
            await sender.send(target(receiver.url))

    assert "Cookie" not in receiver.requests[1].headers


async def test_no_proxy(sender: WebhookSender, monkeypatch: pytest.MonkeyPatch) -> None:
    """A proxy in the environment is passed over."""
    async with (
        running_receiver(respond_with(502)) as proxy,
        running_receiver(respond_with()) as receiver,
    ):
        for name in ("http_proxy", "HTTP_PROXY", "all_proxy"):
            monkeypatch.setenv(name, proxy.url)
        sent = await sender.send(target(receiver.url))

    assert (True, []) == (sent.ok, proxy.requests)


async def test_long_answer(sender: WebhookSender) -> None:
    """The first 4 kB of a long answer are stored, without waiting for its end."""

    async def endless(request: web.BaseRequest) -> web.StreamResponse:
        response = web.StreamResponse()
        await response.prepare(request)
        while True:
            await response.write(b"x" * 1024)

    async with running_receiver(endless) as receiver:
        sent = await sender.send(target(receiver.url))

    assert (True, "x" * MAX_KEPT) == (sent.ok, sent.attempt.answer)
    assert sent.attempt.duration < 10 * SECOND


async def test_packed_answer(sender: WebhookSender) -> None:
    """An answer that says it is packed is not unpacked: it could fill the memory."""
    async with running_receiver(
        respond_with(200, "bomb", Content_Encoding="gzip")
    ) as receiver:
        sent = await sender.send(target(receiver.url))

    assert (True, "bomb") == (sent.ok, sent.attempt.answer)


async def test_odd_answer(sender: WebhookSender) -> None:
    """Of an answer that is not text, what can be decoded is stored."""

    async def answer_oddly(_: web.BaseRequest) -> web.StreamResponse:
        return web.Response(body=b"\xff\xfeok")

    async with running_receiver(answer_oddly) as receiver:
        sent = await sender.send(target(receiver.url))

    assert "\ufffd\ufffdok" == sent.attempt.answer


def test_no_secret_is_shown() -> None:
    """What a target shows of itself holds neither secrets nor headers."""
    own = {"Authorization": "Bearer hush"}

    shown = repr(target("https://receiver.example/", headers=own))

    assert SECRET not in shown
    assert "hush" not in shown
