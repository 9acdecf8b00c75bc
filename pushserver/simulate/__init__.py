"""A simulated fleet of devices, with the habits of real firmware.

For users who have no hardware yet, and for the tests. It knows the device face alone:
`Device` is one terminal, `Fleet` many, and the `Journal` tells what each one did.
"""

from pushserver.simulate.device import Device
from pushserver.simulate.firmware import Firmware
from pushserver.simulate.fleet import Fleet, Plan
from pushserver.simulate.habits import Form, Habits, habits_of, quirks_named
from pushserver.simulate.journal import Entry, Journal, digest
from pushserver.simulate.line import Line
from pushserver.simulate.order import Order, Outcome

__all__ = [
    "Device",
    "Entry",
    "Firmware",
    "Fleet",
    "Form",
    "Habits",
    "Journal",
    "Line",
    "Order",
    "Outcome",
    "Plan",
    "digest",
    "habits_of",
    "quirks_named",
]
