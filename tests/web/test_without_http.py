"""What is asked all day needs no HTTP server: whoever parses requests may serve it."""

import asyncio
import json

import attrs
import pytest

from pushserver.errors import Unauthorized
from pushserver.model.actor import SERVER
from pushserver.model.device import Device
from pushserver.model.state import CommandState
from pushserver.protocols.base import DeviceRequest, RequestKind
from pushserver.services.polling import PollAnswer
from pushserver.services.queue import Enqueued
from pushserver.web.api.command_parsing import parse_commands
from pushserver.web.api.enqueue import enqueue_commands
from pushserver.web.api.query import NO_QUERY
from pushserver.web.authentication import find_token
from pushserver.web.body import Body
from pushserver.web.device_polls import DevicePoll, begin_poll, make_poll
from pushserver.web.device_results import DeviceResult
from tests.web.local_server import DEVICE, TOKEN, LocalServer

ADDRESS = "192.0.2.7"
ORDER = b'{"endpoint":"load_objects","body":{"object":"users"}}'


@attrs.define
class Line(asyncio.Transport):
    """What answers are written to; nobody reads it."""

    is_half_closed: bool = False

    @property
    def transport(self) -> asyncio.Transport:
        """Return what is still open."""
        return self

    @property
    def may_have_ended(self) -> bool:
        """Tell whether its end was seen: it always is."""
        return self.is_half_closed

    def is_closing(self) -> bool:
        """Tell that it is not."""
        return False


@attrs.frozen
class Plain:
    """Calls what the handlers call, without a request."""

    server: LocalServer

    async def enqueue(self) -> Enqueued:
        """Enqueue `ORDER`."""
        services = self.server.services
        token = await find_token(services, f"Bearer {TOKEN}", ADDRESS)
        identity = services.protocols.identify(str(DEVICE))
        protocol = services.protocols.named(identity.protocol)
        parsed = await parse_commands(ORDER, NO_QUERY, protocol)
        return await enqueue_commands(services, token, identity, parsed, SERVER, None)

    def admit(self, call: DeviceRequest) -> Device:
        """Return the device that calls."""
        device = self.server.services.admission.admit(call.device, call.key, ADDRESS)
        assert device is not None
        return device

    def begin_poll(self, *, is_half_closed: bool = False) -> DevicePoll | None:
        """Poll."""
        services = self.server.services
        call = self.call(RequestKind.POLL)
        device, line = self.admit(call), Line(is_half_closed)
        granted = begin_poll(services, device, line)
        if granted is None:
            return None
        protocol = services.protocols.default
        return make_poll(
            services, protocol, device, call.key, call.uuid, line, *granted
        )

    async def take(self, device_poll: DevicePoll, answer: PollAnswer) -> bytes | None:
        """Have the answer of a poll written."""
        with answer:
            body = await device_poll.render(answer)
            answer.has_started = answer.is_written = True
        assert body is None or isinstance(body, bytes)
        return body

    def call(self, kind: RequestKind) -> DeviceRequest:
        """Return a request of the device."""
        identity = self.server.services.protocols.identify(str(DEVICE))
        return DeviceRequest(kind, identity, None, "uuid-1", None)


@pytest.fixture(name="plain")
def _plain(server: LocalServer) -> Plain:
    return Plain(server)


async def test_cycle(plain: Plain, server: LocalServer) -> None:
    """A command is enqueued, handed out and answered."""
    services = server.services
    (command,) = (await plain.enqueue()).commands

    device_poll = plain.begin_poll()
    assert device_poll is not None
    answer = await device_poll.next_command()
    assert answer is not None
    body = await plain.take(device_poll, answer)
    call = plain.call(RequestKind.RESULT)
    device_result = DeviceResult(
        services,
        services.protocols.default,
        call,
        plain.admit(call),
        {"Content-Type": "application/json"},
    )
    result = await device_result.store(Body(b'{"response":{"users":[]}}'))

    assert {"object": "users"} == json.loads(body or b"")["body"]
    assert result is not None
    assert (command.id, "application/json") == (result.command_id, result.content_type)
    record = await services.queue.get(command.scope_id, command.id)
    assert CommandState.SUCCESSFUL is record.command.state
    assert ADDRESS == record.deliveries[0].address


async def test_held(plain: Plain) -> None:
    """A poll is held, and gets the command that is enqueued meanwhile."""
    await plain.server.api("PUT", f"/devices/{DEVICE}", {"hold": 60})
    device_poll = plain.begin_poll()
    assert device_poll is not None
    waiting = asyncio.ensure_future(device_poll.next_command())
    await asyncio.sleep(0)

    (command,) = (await plain.enqueue()).commands
    answer = await waiting

    assert answer is not None
    assert [command.id] == [each.command.id for each in answer.in_flights]
    with answer:
        answer.has_started = answer.is_written = True


async def test_nothing_to_do(plain: Plain) -> None:
    """An idle poll is over at once, also of whoever has closed its side."""
    await plain.server.api("PUT", f"/devices/{DEVICE}", {"hold": 60})

    assert plain.begin_poll(is_half_closed=True) is None
    assert 1 == plain.server.services.counts["polls.idle"]


async def test_no_token(server: LocalServer) -> None:
    """Who has no valid token is refused."""
    with pytest.raises(Unauthorized):
        await find_token(server.services, "Bearer of nothing", ADDRESS)
