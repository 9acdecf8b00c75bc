"""A simulated fleet of devices with the quirks of real firmware.

For users who have no hardware yet, and for the tests. It only uses the devices' HTTP
interface: a `SimulatedDevice` is one terminal, a `SimulatedFleet` many, and the
`Journal` records what each one did.
"""

from pushserver.simulate.device import SimulatedDevice
from pushserver.simulate.firmware import Firmware
from pushserver.simulate.fleet import FleetPlan, SimulatedFleet
from pushserver.simulate.http import DeviceHttpClient
from pushserver.simulate.journal import Journal, JournalEntry, sha256_hex
from pushserver.simulate.messages import ExecutionResult, ReceivedCommand
from pushserver.simulate.quirks import (
    Quirks,
    ResultFormat,
    draw_quirks,
    parse_quirk_names,
)

__all__ = [
    "DeviceHttpClient",
    "ExecutionResult",
    "Firmware",
    "FleetPlan",
    "Journal",
    "JournalEntry",
    "Quirks",
    "ReceivedCommand",
    "ResultFormat",
    "SimulatedDevice",
    "SimulatedFleet",
    "draw_quirks",
    "parse_quirk_names",
    "sha256_hex",
]
