"""What services and stores show of themselves, as in a log or a failed test."""

from pushserver.web.services import Services


async def test_shown_without_what_they_keep(services: Services) -> None:
    """
    Nothing that holds the fleet or the file shows what it holds: it is endless, may be
    secret, and asyncio draws it each time that it names a task.
    """
    everything = (services, services.store, services.devices, services.subscriptions)

    assert [] == [each for each in everything if len(repr(each)) > 2000]
