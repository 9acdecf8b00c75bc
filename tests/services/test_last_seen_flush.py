"""What was seen of a large fleet is written."""

from pushserver.model.scope import DEFAULT_SCOPE_ID
from pushserver.services.batches import BATCH_SIZE
from pushserver.services.device_write_behind import MAX_BATCHES
from pushserver.web.services import Services
from tests.devices import terminal


async def test_in_turns(services: Services) -> None:
    """Much is written soon, in batches, but one round ends after a while."""
    write_behind, ids = services.write_behind, range(1, 11 * BATCH_SIZE + 1)
    await services.device_import.run(
        DEFAULT_SCOPE_ID, {terminal(device_id): {} for device_id in ids}
    )
    for device_id in ids:
        services.admission.admit(terminal(device_id), None, None)

    assert MAX_BATCHES * BATCH_SIZE == await write_behind.flush_repeatedly()
    assert BATCH_SIZE == await write_behind.flush_repeatedly()
    assert write_behind.is_flushed


async def test_new_in_batches(services: Services) -> None:
    """What changed rarely, as of a fleet that is new, is written in batches, too."""
    ids = range(1, 3 * BATCH_SIZE)
    await services.device_import.run(
        DEFAULT_SCOPE_ID, {terminal(device_id): {} for device_id in ids}
    )
    for device_id in ids:
        services.admission.admit(terminal(device_id), None, None)
    commits = services.store.commit_metrics.seconds
    before = sum(commits.buckets)
    await services.write_behind.flush()

    # When each was first served without its key, and when one batch of them was seen.
    assert 3 + 1 == sum(commits.buckets) - before
