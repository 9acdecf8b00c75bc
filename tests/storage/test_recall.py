"""The past, as far as decisions ask for it."""

from pushserver.model.command import Outcome
from pushserver.model.state import State
from pushserver.storage.base import Store
from pushserver.storage.deciding import NO_PAST, Recall
from tests.clock import START
from tests.model.values import DEVICE, GRACE, command, once
from tests.storage.deeds import abandon, ask, enqueue, fly, recall, report, take_back

LATER = START + GRACE


async def test_nothing(store: Store) -> None:
    """Where there is no past there is none."""
    assert NO_PAST == await recall(store, Recall(uuid="u1", given_up=True))


async def test_newest_by_uuid(store: Store) -> None:
    """A uuid that came twice means the newest delivery."""
    first, second = command(), command()
    await enqueue(store, first, second)
    await report(store, await fly(store, uuid="u1"))
    newest = await fly(store, uuid="u1")

    past = await recall(store, Recall(uuid="u1"))

    assert past.by_uuid is not None
    assert newest.delivery.id == past.by_uuid.delivery.id
    assert second.id == past.by_uuid.command.id
    assert past.given_up is None


async def test_uuid_of_another_device(store: Store) -> None:
    """A uuid is its device's own."""
    await enqueue(store, command())
    await fly(store, uuid="u1")

    assert (await recall(store, Recall(uuid="u1"), device=5)).by_uuid is None


async def test_uuid_to_the_letter(store: Store) -> None:
    """A uuid is opaque: its case and its spaces matter."""
    await enqueue(store, command())
    await fly(store, uuid="aB1")

    for other in ("ab1", "AB1", "aB1 ", "aB", ""):
        assert (await recall(store, Recall(uuid=other))).by_uuid is None


async def test_last_given_up(store: Store) -> None:
    """The delivery that was given up last is told, with what became of it."""
    first, second, third = once(), once("reboot"), once("message_to_screen")
    await enqueue(store, first, second, third)
    for now in (START, LATER):
        await fly(store, now, uuid=f"u{now}")
        await abandon(store, now + GRACE)
    await report(store, await fly(store, LATER + GRACE), LATER + GRACE)

    past = await recall(store, Recall(given_up=True))

    assert past.given_up is not None
    assert (second.id, State.TIMEOUT, Outcome.NO_ANSWER) == (
        past.given_up.command.id,
        past.given_up.command.state,
        past.given_up.delivery.outcome,
    )
    assert past.by_uuid is None


async def test_given_up_and_answered(store: Store) -> None:
    """A delivery that was answered late is given up no more."""
    wanted = once()
    await enqueue(store, wanted)
    flight = await fly(store)
    await abandon(store, LATER)
    await report(store, flight, LATER + 1)

    assert (await recall(store, Recall(given_up=True))).given_up is None


async def test_taken_back_is_not_given_up(store: Store) -> None:
    """A hand-out that was taken back awaits no result."""
    await enqueue(store, command())
    await take_back(store, await fly(store))

    assert (await recall(store, Recall(given_up=True))).given_up is None


async def test_given_up_of_another_device(store: Store) -> None:
    """What another device did not answer is none of this one's."""
    await enqueue(store, command(device_id=5))
    await ask(store, device=5)
    await abandon(store, LATER, device=5)

    assert (await recall(store, Recall(given_up=True))).given_up is None
    assert (await recall(store, Recall(given_up=True), device=5)).given_up is not None
    assert DEVICE != 5
