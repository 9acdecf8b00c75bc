"""What was seen of a large fleet is written."""

from pushserver.model.scope import FIRST_SCOPE
from pushserver.services.presence import FLUSH, TURNS
from pushserver.web.services import Services


async def test_in_turns(services: Services) -> None:
    """Much is written soon, in pieces, but one round does not go on for ever."""
    fleet, ids = services.fleet, range(1, 11 * FLUSH + 1)
    await fleet.import_devices(FIRST_SCOPE, {device_id: {} for device_id in ids})
    for device_id in ids:
        fleet.meet(device_id, None, None)

    assert TURNS * FLUSH == await fleet.flush_in_turns()
    assert FLUSH == await fleet.flush_in_turns()
    assert fleet.is_flushed
