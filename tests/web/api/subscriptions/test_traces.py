"""Webhooks belong to the trace of the command that they tell of."""

from pushserver.metrics.spans import Span, SpanKind
from pushserver.model.trace import Trace
from tests.web.api.subscriptions.requests import create_subscription
from tests.web.local_server import DEVICE, LOAD_USERS, LocalServer
from tests.web.receiver import running_receiver

TRACE_ID = "4bf92f3577b34da6a3ce929d0e0e4736"
TRACEPARENT = f"00-{TRACE_ID}-00f067aa0ba902b7-01"
HEADERS = {
    "X-Request-Id": "door-7",
    "traceparent": TRACEPARENT,
    "tracestate": "rojo=1,congo=2",
}


async def test_webhooks(server: LocalServer) -> None:
    """
    Each names a span of its own in the command's trace, whatever its format. Our own
    format says which call it was; others are as they have to be.
    """
    async with running_receiver() as receiver:
        for format_ in ("native", "iotda"):
            await create_subscription(
                server, url=f"{receiver.url}/{format_}", format=format_
            )
        path = f"/devices/{DEVICE}/commands"
        await server.api("POST", path, LOAD_USERS, headers=HEADERS)
        await server.poll()
        await server.post_result()
        await server.deliver_webhooks()

    sent = [each.headers["traceparent"] for each in receiver.received]
    assert 6 < len(set(sent)) == len(sent)
    assert {f"00-{TRACE_ID}"} == {each[:35] for each in sent}
    assert TRACEPARENT not in sent
    assert {"rojo=1,congo=2"} == {e.headers["tracestate"] for e in receiver.received}
    own = [each for each in receiver.received if each.path == "/native"]
    others = [each for each in receiver.received if each.path == "/iotda"]
    assert {("door-7", TRACE_ID)} == {
        (each.body["data"]["requestId"], each.body["data"]["traceId"]) for each in own
    }
    assert not any(b"door-7" in e.content or b"4bf92f" in e.content for e in others)


async def test_no_trace(server: LocalServer) -> None:
    """
    What nobody's call caused belongs to none: a ping has no such header.
    """
    async with running_receiver() as receiver:
        created = await create_subscription(server, url=receiver.url)
        await server.deliver_webhooks()
        await server.api("POST", f"/subscriptions/{created['id']}/ping")

    assert [False] == ["traceparent" in each.headers for each in receiver.received]


async def test_spans(server: LocalServer) -> None:
    """
    Who collects spans gets those of the call, of its command and of its webhooks: a
    tree, and what each was about.
    """
    spans: list[Span] = []
    async with running_receiver() as receiver:
        await create_subscription(server, url=receiver.url)
        server.services.metrics.spans.collect = spans.append
        path = f"/devices/{DEVICE}/commands"
        await server.api("POST", path, LOAD_USERS, headers=HEADERS)
        await server.poll()
        server.clock.tick(seconds=2)
        await server.post_result(b'{"error":"no"}')
        await server.deliver_webhooks()

    by_id = {each.trace.span_id: each for each in spans}
    names = [
        (each.name, by_id[each.parent.span_id].name)
        for each in spans
        if each.parent is not None and each.parent.span_id in by_id
    ]
    call = next(each for each in spans if each.kind is SpanKind.SERVER)
    ended = next(each for each in spans if each.name == "command load_objects")
    webhook = ("webhook command.status", call.name)
    assert "POST /api/v1/devices/{device_id}/commands" == call.name
    assert call.parent == Trace(TRACEPARENT, HEADERS["tracestate"])
    assert sorted(
        [
            ("command load_objects", call.name),
            ("deliver load_objects", ended.name),
            ("result load_objects", ended.name),
            *[webhook] * 4,
        ]
    ) == sorted(names)
    assert {TRACE_ID} == {each.trace.trace_id for each in spans}
    assert ("FAILED", 2_000_000) == (ended.error, ended.ended_at - ended.started_at)
    sent = {each.headers["traceparent"] for each in receiver.received}
    assert sent == {s.trace.traceparent for s in spans if s.kind is SpanKind.CLIENT}
