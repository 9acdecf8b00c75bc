"""Terminals of the tests, by the number that they are called by."""

from pushserver.model.device import DeviceIdentity


def terminal(number: int) -> DeviceIdentity:
    """Return whose number this is: a Control iD terminal's, as most devices are."""
    return DeviceIdentity(number, "controlid", str(number))
