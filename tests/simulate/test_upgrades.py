"""Simulated devices have firmware that is loaded, installed, and reported."""

from typing import Any

import pytest

from pushserver.simulate.firmware import REBOOT_SECONDS, Firmware
from pushserver.simulate.messages import ExecutionResult, ReceivedCommand
from tests.simulate.conftest import MakeDevice

LOAD = ReceivedCommand(endpoint="firmware_load", body={"version": "2.0"})
INSTALL = ReceivedCommand(endpoint="firmware_install")
READ_VERSION = ReceivedCommand(endpoint="system_information")


def version(firmware: Firmware) -> Any:
    """Return the version that a device reports."""
    return firmware.execute(READ_VERSION).response["version"]


def test_it_is_installed() -> None:
    """The version changes when it is installed, not when it is loaded."""
    firmware = Firmware(device_id=1)
    versions = []
    for order in (LOAD, INSTALL):
        firmware.execute(order)
        versions.append(version(firmware))

    assert ["simulated", "2.0"] == versions


def test_nothing_loaded() -> None:
    """
    Firmware that was not loaded cannot be installed, nor can it be installed twice.
    """
    firmware = Firmware(device_id=1)
    before = firmware.execute(INSTALL)
    firmware.execute(LOAD)
    firmware.execute(INSTALL)

    assert {"No firmware was loaded"} == {before.error, firmware.execute(INSTALL).error}


@pytest.mark.parametrize("body", [None, {}, [], "2.0"])
def test_no_version(body: Any) -> None:
    """Firmware without a version is refused."""
    firmware = Firmware(device_id=1)

    assert firmware.execute(ReceivedCommand(endpoint="firmware_load", body=body)).error
    assert "simulated" == version(firmware)


async def test_failed_load(device_with: MakeDevice) -> None:
    """A device may have no space for it."""
    device = device_with(failed_loads=1.0)

    outcome = await device.execute(LOAD)

    assert ExecutionResult(error="No space left for the firmware", code=28) == outcome
    assert None is device.firmware.downloaded_version


async def test_lost_install(device_with: MakeDevice) -> None:
    """A device may restart with the new version before it has answered."""
    device = device_with(lost_installs=1.0)

    refused = await device.execute(INSTALL)
    await device.execute(LOAD)
    silent = await device.execute(INSTALL)

    assert refused.error
    assert ExecutionResult(no_result=True, offline_for=REBOOT_SECONDS) == silent
    assert "2.0" == version(device.firmware)
