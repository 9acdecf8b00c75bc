"""Prior state, as far as decisions ask for it."""

import asyncio

from pushserver.model.command import DeliveryOutcome
from pushserver.model.state import CommandState
from pushserver.model.transitions import is_open_to_result
from pushserver.storage.base import Store
from pushserver.storage.commands import NO_PRIOR_STATE, Lookup
from pushserver.storage.sql.lookups import RECENT_RESULTS
from tests.clock import START
from tests.model.factories import (
    DEVICE,
    GRACE,
    at_most_once_command,
    command,
    result,
)
from tests.storage.locations import blocked_writers
from tests.storage.queue_actions import (
    add_results,
    enqueue_commands,
    give_up_delivery,
    poll,
    poll_command,
    post_result,
    prior_state,
    revert_delivery,
)

LATER = START + GRACE


async def test_nothing(store: Store) -> None:
    """Without prior state a lookup finds nothing."""
    assert NO_PRIOR_STATE == await prior_state(
        store, Lookup(delivery_uuid="u1", last_given_up=True)
    )


async def test_newest_by_uuid(store: Store) -> None:
    """A uuid that came twice means the newest delivery."""
    first, second = command(), command()
    await enqueue_commands(store, first, second)
    await post_result(store, await poll_command(store, uuid="u1"))
    newest = await poll_command(store, uuid="u1")

    prior = await prior_state(store, Lookup(delivery_uuid="u1"))

    assert prior.by_uuid is not None
    assert newest.delivery.id == prior.by_uuid.delivery.id
    assert second.id == prior.by_uuid.command.id
    assert prior.last_given_up is None


async def test_what_was_answered_is_known_for_a_while(store: Store) -> None:
    """
    A delivery is found by its uuid among the last results; unanswered, it always is.
    """
    given_up, answered = at_most_once_command(), command(priority=-1)
    await enqueue_commands(store, given_up, answered)
    await poll_command(store, uuid="u1")
    await give_up_delivery(store, LATER)
    await post_result(store, await poll_command(store, LATER, uuid="u2"), LATER)
    of_both = [Lookup(delivery_uuid=uuid) for uuid in ("u1", "u2")]

    recent = [(await prior_state(store, each)).by_uuid for each in of_both]
    await add_results(store, *(result() for _ in range(RECENT_RESULTS)))
    later = [(await prior_state(store, each)).by_uuid for each in of_both]

    assert [given_up.id, answered.id] == [each and each.command.id for each in recent]
    assert [given_up.id, None] == [each and each.command.id for each in later]


async def test_without_a_decision(store: Store) -> None:
    """What is in flight is found without a decision, too."""
    await enqueue_commands(store, command())
    in_flight = await poll_command(store, uuid="u1")

    prior = (await store.look_up(DEVICE, Lookup(delivery_uuid="u1"))).by_uuid

    assert prior is not None
    assert in_flight.delivery.id == prior.delivery.id


async def test_while_its_end_is_committed(store: Store) -> None:
    """A delivery is found while its end is being written: a result still counts."""
    await enqueue_commands(store, at_most_once_command())
    await poll_command(store, uuid="u1")
    async with blocked_writers(store):
        ending = asyncio.create_task(give_up_delivery(store, LATER))
        for _ in range(5):
            await asyncio.sleep(0)
        prior = (await store.look_up(DEVICE, Lookup(delivery_uuid="u1"))).by_uuid
    await ending

    assert prior is not None
    assert is_open_to_result(prior.command, prior.delivery)


async def test_uuid_of_another_device(store: Store) -> None:
    """A uuid is its device's own."""
    await enqueue_commands(store, command())
    await poll_command(store, uuid="u1")

    assert (
        await prior_state(store, Lookup(delivery_uuid="u1"), device=5)
    ).by_uuid is None


async def test_uuid_to_the_letter(store: Store) -> None:
    """A uuid is opaque: its case and its spaces matter."""
    await enqueue_commands(store, command())
    await poll_command(store, uuid="aB1")

    for other in ("ab1", "AB1", "aB1 ", "aB", ""):
        assert (await prior_state(store, Lookup(delivery_uuid=other))).by_uuid is None


async def test_last_given_up(store: Store) -> None:
    """The delivery that was given up last is found, with its outcome."""
    first, second, third = (
        at_most_once_command(),
        at_most_once_command("reboot"),
        at_most_once_command("message_to_screen"),
    )
    await enqueue_commands(store, first, second, third)
    for now in (START, LATER):
        await poll_command(store, now, uuid=f"u{now}")
        await give_up_delivery(store, now + GRACE)
    await post_result(store, await poll_command(store, LATER + GRACE), LATER + GRACE)

    prior = await prior_state(store, Lookup(last_given_up=True))

    assert prior.last_given_up is not None
    assert (second.id, CommandState.TIMEOUT, DeliveryOutcome.NO_ANSWER) == (
        prior.last_given_up.command.id,
        prior.last_given_up.command.state,
        prior.last_given_up.delivery.outcome,
    )
    assert prior.by_uuid is None


async def test_given_up_and_answered(store: Store) -> None:
    """A delivery that was answered late is given up no more."""
    queued = at_most_once_command()
    await enqueue_commands(store, queued)
    in_flight = await poll_command(store)
    await give_up_delivery(store, LATER)
    await post_result(store, in_flight, LATER + 1)

    assert (await prior_state(store, Lookup(last_given_up=True))).last_given_up is None


async def test_taken_back_is_not_given_up(store: Store) -> None:
    """A hand-out that was taken back awaits no result."""
    await enqueue_commands(store, command())
    await revert_delivery(store, await poll_command(store))

    assert (await prior_state(store, Lookup(last_given_up=True))).last_given_up is None


async def test_given_up_of_another_device(store: Store) -> None:
    """A delivery that another device did not answer is not found for this one."""
    await enqueue_commands(store, command(device_id=5))
    await poll(store, device=5)
    await give_up_delivery(store, LATER, device=5)

    assert (await prior_state(store, Lookup(last_given_up=True))).last_given_up is None
    assert (
        await prior_state(store, Lookup(last_given_up=True), device=5)
    ).last_given_up is not None
    assert DEVICE != 5
