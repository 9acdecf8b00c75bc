"""What was seen of a large fleet is written."""

from pushserver.model.scope import DEFAULT_SCOPE_ID
from pushserver.services.device_registry import BATCH_SIZE, MAX_BATCHES
from pushserver.web.services import Services
from tests.devices import terminal


async def test_in_turns(services: Services) -> None:
    """Much is written soon, in batches, but one round ends after a while."""
    fleet, ids = services.fleet, range(1, 11 * BATCH_SIZE + 1)
    await fleet.import_devices(DEFAULT_SCOPE_ID, {terminal(i): {} for i in ids})
    for device_id in ids:
        fleet.admit(terminal(device_id), None, None)

    assert MAX_BATCHES * BATCH_SIZE == await fleet.flush_repeatedly()
    assert BATCH_SIZE == await fleet.flush_repeatedly()
    assert fleet.is_flushed
