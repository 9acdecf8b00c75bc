"""Scopes: made by the first one, and a device that goes from one to another."""

import asyncio

import pytest

from pushserver.errors import Conflict, Forbidden, NotFound, Unavailable
from pushserver.model.command import MatchedBy
from pushserver.model.device import DeviceKeys, DeviceState
from pushserver.model.scope import FIRST_SCOPE
from pushserver.model.state import State
from pushserver.model.token import Permission
from pushserver.services.fleet import Fleet, Imported
from pushserver.services.scopes import Scopes
from pushserver.services.tokens import Tokens
from pushserver.web.services import Services
from tests.model.values import DEVICE
from tests.services.desk import Desk, render

ACME, OTHER = 7, 8
HOME = "192.0.2.7"


@pytest.fixture(name="fleet")
def _fleet(services: Services) -> Fleet:
    """Return the fleet, in which nobody is yet."""
    return services.fleet


async def moved(fleet: Fleet) -> None:
    """Let the device go from one scope to another."""
    await fleet.delete(ACME, DEVICE)
    await fleet.adopt(OTHER, DEVICE)


async def test_one_scope_at_a_time(fleet: Fleet) -> None:
    """A device that is adopted is another scope's business neither to see nor take."""
    device, _ = await fleet.put(ACME, DEVICE, {"name": "Porta"})

    for work in (
        fleet.adopt(OTHER, DEVICE),
        fleet.put(OTHER, DEVICE, {}),
        fleet.import_devices(OTHER, {5: {}, DEVICE: {"name": "x"}}),
    ):
        with pytest.raises(Conflict, match=f"Device {DEVICE} is adopted in another"):
            await work
    for hidden in (
        fleet.patch(OTHER, DEVICE, {"name": "x"}),
        fleet.make_key(OTHER, DEVICE, enforce=True),
        fleet.delete(OTHER, DEVICE),
        fleet.strays(OTHER, DEVICE),
    ):
        with pytest.raises(NotFound):
            await hidden

    assert (None, []) == (
        fleet.find(OTHER, DEVICE),
        fleet.page(OTHER, after=-1, limit=9),
    )
    assert [("Porta", ACME, None)] == [
        (d.name, d.scope_id, d.key_hash) for d in await fleet.store.all_devices()
    ]
    assert [device] == list(fleet.of(ACME)) == fleet.page(ACME, after=-1, limit=9)


async def test_of_two_who_adopt_one_wins(fleet: Fleet) -> None:
    """Of two scopes that adopt a device at once, one has it and one is refused."""
    done = await asyncio.gather(
        fleet.adopt(ACME, DEVICE),
        fleet.put(OTHER, DEVICE, {"name": "x"}),
        return_exceptions=True,
    )

    assert [True, False] == [isinstance(d, tuple) for d in done]
    assert isinstance(done[1], Conflict)
    (kept,) = await fleet.store.all_devices()
    assert (ACME, None) == (kept.scope_id, kept.name)


async def test_quarantined(fleet: Fleet) -> None:
    """A quarantined device is the first scope's to see, and anybody's to adopt."""
    fleet.meet(DEVICE, None, HOME)
    await fleet.patch(FIRST_SCOPE, DEVICE, {"name": "who?", "tags": {"a": "b"}})
    await fleet.make_key(FIRST_SCOPE, DEVICE, enforce=True)
    assert fleet.find(ACME, DEVICE) is None

    device, new = await fleet.adopt(ACME, DEVICE)

    assert (True, DeviceState.ADOPTED, HOME) == (new, device.state, device.address)
    assert fleet.find(FIRST_SCOPE, DEVICE) is None
    assert (None, {}, None, False) == (
        device.name,
        device.tags,
        device.key_hash,
        device.key_enforced,
    )
    (kept,) = await fleet.store.all_devices()
    assert (ACME, None, {}, None) == (
        kept.scope_id,
        kept.name,
        kept.tags,
        kept.key_hash,
    )
    assert device is fleet.meet(DEVICE, None, HOME)


async def test_imported_by_two(fleet: Fleet) -> None:
    """Each scope imports its own."""
    one = await fleet.import_devices(ACME, {1: {}, 2: {"name": "x"}})
    two = await fleet.import_devices(OTHER, {3: {}, 4: {}})

    assert one == two == Imported(created=2, updated=0, unchanged=0)
    assert [1, 2] == [d.device_id for d in fleet.of(ACME)]
    assert [3] == [d.device_id for d in fleet.page(OTHER, after=2, limit=1)]


async def test_comes_without_a_past(desk: Desk, fleet: Fleet) -> None:
    """A device comes without its settings, its key, or what waited for it."""
    await fleet.put(ACME, DEVICE, {"name": "Porta", "hold": 5})
    key = await fleet.make_key(ACME, DEVICE, enforce=True)
    (waiting,) = await desk.enqueue("reboot", scope=ACME)

    await moved(fleet)

    device = fleet.get(OTHER, DEVICE)
    assert (None, None, None) == (device.name, device.hold, device.key_hash)
    assert State.CANCELED is await desk.state(waiting)
    assert await desk.poll("u1") is None
    fleet.policy = DeviceKeys.REQUIRED
    assert fleet.meet(DEVICE, key, HOME) is None


async def test_nothing_is_handed_to_the_next_owner(desk: Desk, fleet: Fleet) -> None:
    """
    What was with the device when it left is not given to it again, but may be answered.
    """
    await fleet.adopt(ACME, DEVICE)
    (read,) = await desk.enqueue("load_objects", scope=ACME)
    await desk.fly("u1")

    await moved(fleet)

    assert State.TIMEOUT is await desk.state(read)
    (own,) = await desk.enqueue("reboot", scope=OTHER)
    flight = await desk.fly("u2")
    late = await desk.report(uuid="u1", scope_id=OTHER)
    orphan = await desk.report(uuid="u0", scope_id=OTHER)
    assert own.id == flight.command.id
    assert (ACME, MatchedBy.UUID, read.id) == (
        late.scope_id,
        late.matched_by,
        late.command_id,
    )
    assert (OTHER, None) == (orphan.scope_id, orphan.command_id)
    assert State.SUCCESSFUL is await desk.state(read)


async def test_enqueued_at_the_last_moment(desk: Desk, fleet: Fleet) -> None:
    """What is still on its way into the queue does not reach the next owner either."""
    last = asyncio.create_task(desk.enqueue("reboot", scope=ACME))
    await asyncio.sleep(0)

    await fleet.adopt(OTHER, DEVICE)

    assert State.CANCELED is await desk.state((await last)[0])
    assert await desk.poll("u1") is None


async def test_what_waits_at_home_stays(desk: Desk, fleet: Fleet) -> None:
    """A device that comes back to its own scope finds what waits for it."""
    await fleet.adopt(ACME, DEVICE)
    (read,) = await desk.enqueue("load_objects", scope=ACME)
    await desk.fly("u1")
    await fleet.delete(ACME, DEVICE)
    fleet.meet(DEVICE, None, HOME)
    await desk.upkeep(180)
    await fleet.delete(FIRST_SCOPE, DEVICE)
    assert State.PENDING is await desk.state(read)

    await fleet.adopt(ACME, DEVICE)

    assert read.id == (await desk.fly("u2")).command.id


async def test_a_held_poll_ends_with_its_device(desk: Desk, fleet: Fleet) -> None:
    """A poll that was held under one owner is not answered by the next."""
    await fleet.adopt(ACME, DEVICE)
    async with desk.held() as poll:
        assert (1, 0) == (fleet.held_polls(ACME), fleet.held_polls(OTHER))

        await moved(fleet)
        (own,) = await desk.enqueue("reboot", scope=OTHER)

        assert await poll is None
    assert State.PENDING is await desk.state(own)


async def test_deleted_twice_at_once(fleet: Fleet) -> None:
    """The second of two deletions does not take the device from its next owner."""
    await fleet.adopt(ACME, DEVICE)

    done = await asyncio.gather(
        fleet.delete(ACME, DEVICE),
        fleet.delete(ACME, DEVICE),
        fleet.adopt(OTHER, DEVICE),
        return_exceptions=True,
    )

    assert [None, NotFound, tuple] == [done[0], *map(type, done[1:])]
    assert [OTHER] == [d.scope_id for d in await fleet.store.all_devices()]


async def test_commands_are_apart(desk: Desk, services: Services) -> None:
    """A command is there for its own scope alone."""
    queue = services.queue
    (wanted,) = await desk.enqueue("reboot", scope=ACME)

    for work in (
        queue.get(OTHER, wanted.id),
        queue.wait(OTHER, wanted.id, 0),
        queue.cancel(OTHER, wanted.id),
        queue.retry(OTHER, wanted.id, render),
    ):
        with pytest.raises(NotFound):
            await work

    assert State.PENDING is await desk.state(wanted)
    assert ACME == (await queue.cancel(ACME, wanted.id)).command.scope_id
    (again,) = (await queue.retry(ACME, wanted.id, render)).commands
    assert ACME == again.scope_id


async def test_bells_are_apart(desk: Desk, services: Services) -> None:
    """Who waits for results is woken by those of his scope."""
    with (
        services.outcomes.of_results(ACME) as ours,
        services.outcomes.of_results(OTHER) as theirs,
    ):
        await desk.report(scope_id=ACME)

    assert (True, False) == (ours.is_set(), theirs.is_set())


@pytest.fixture(name="tokens")
async def _tokens(services: Services) -> Tokens:
    """Return the tokens, among them that of the settings."""
    await services.tokens.load("secret")
    return services.tokens


@pytest.fixture(name="scopes")
def _scopes(services: Services) -> Scopes:
    """Return the scopes, of which there is the first."""
    return services.scopes


async def test_make(scopes: Scopes, tokens: Tokens) -> None:
    """A scope is made with a first token, which may do everything there."""
    admin = tokens.authenticate("Bearer secret")

    acme, secret = await scopes.make("acme", admin)

    first = tokens.authenticate(f"Bearer {secret}")
    assert (acme.id, True) == (first.scope_id, first.may(Permission.ADMIN))
    assert ["default", "acme"] == [s.name for s in await scopes.all(admin)]
    assert [acme] == await scopes.all(first)
    assert [first] == tokens.all(acme.id)
    assert [admin] == tokens.all(FIRST_SCOPE)


async def test_only_the_first_makes_others(scopes: Scopes, tokens: Tokens) -> None:
    """Neither another scope nor less than an administrator makes scopes or tokens."""
    admin = tokens.authenticate("Bearer secret")
    acme, secret = await scopes.make("acme", admin)
    most = set(Permission) - {Permission.ADMIN}
    clerk, _ = await tokens.make(FIRST_SCOPE, "clerk", most)

    for by in (tokens.authenticate(f"Bearer {secret}"), clerk):
        with pytest.raises(Forbidden):
            await scopes.make("x", by)
        with pytest.raises(Forbidden):
            await scopes.make_token(acme.id, "x", [Permission.COMMANDS_READ], by)

    assert ["default"] == [s.name for s in await scopes.all(clerk)]
    assert 2 == len(await scopes.all(admin))
    assert 1 == len(tokens.all(acme.id))


async def test_token_for_who_lost_theirs(scopes: Scopes, tokens: Tokens) -> None:
    """The first scope's administrator makes a token for a scope, if there is one."""
    admin = tokens.authenticate("Bearer secret")
    acme, _ = await scopes.make("acme", admin)

    made, secret = await scopes.make_token(acme.id, "x", [Permission.ADMIN], admin)

    assert acme.id == tokens.authenticate(f"Bearer {secret}").scope_id
    with pytest.raises(NotFound):
        await tokens.revoke(FIRST_SCOPE, made.id)
    await tokens.revoke(acme.id, made.id)
    with pytest.raises(NotFound):
        await scopes.make_token(99, "x", [Permission.ADMIN], admin)


async def test_first_scope_is_never_without(scopes: Scopes, tokens: Tokens) -> None:
    """Other scopes' tokens do not keep the first one's from being made."""
    admin = tokens.authenticate("Bearer secret")
    await scopes.make("acme", admin)

    secret = await tokens.load(None)

    assert secret is not None
    assert FIRST_SCOPE == tokens.authenticate(f"Bearer {secret}").scope_id
    assert await tokens.load(None) is None


async def test_store_away(desk: Desk, scopes: Scopes, tokens: Tokens) -> None:
    """A scope that could not be kept is none."""
    admin = tokens.authenticate("Bearer secret")
    async with desk.store_away():
        with pytest.raises(Unavailable):
            await scopes.make("acme", admin)

    assert 1 == len(await scopes.all(admin))
