"""Deletes devices, and what would reach those that get their ids after them."""

from pushserver.model.device import Device
from pushserver.model.ids import first_id_at
from pushserver.storage.device_rows import DEVICES
from pushserver.storage.sql.conditions import BLOCKING_LOOKBACK, IS_OPEN_ENDED
from pushserver.storage.sql.connection import SqlConnection

_SELECT_DEVICE = f"SELECT {DEVICES.column_list} FROM device WHERE device_id = ?"
# A delivery that has no outcome though it has ended blocks no endpoint and is not the
# last one given up: only a result with its uuid belongs to it.
_FORGET_GIVEN_UP = (
    "UPDATE delivery SET outcome = NULL WHERE device_id = ? AND outcome = 'noAnswer'"
    f" AND {IS_OPEN_ENDED}"  # as its index has it
)
_UNBLOCK_CLOSED = (
    "UPDATE delivery SET outcome = NULL WHERE device_id = ? AND uuid IS NULL"
    " AND id >= ? AND outcome = 'closed'"
)
_DEVICE_TABLES = ("device", "device_seen", "unknown_request")


def find_device(connection: SqlConnection, device_id: int) -> Device | None:
    """Return what administrators decided of the device."""
    return DEVICES.find(connection.execute(_SELECT_DEVICE, (device_id,)).fetchone())


def end_device(connection: SqlConnection, device_id: int, now: int) -> None:
    """Delete the device's shadow, and expect no answer to its deliveries any more."""
    connection.execute("DELETE FROM shadow WHERE device_id = ?", (device_id,))
    connection.execute(_FORGET_GIVEN_UP, (device_id,))
    recent_id = first_id_at(now - BLOCKING_LOOKBACK)
    connection.execute(_UNBLOCK_CLOSED, (device_id, recent_id))


def delete_device(connection: SqlConnection, device_id: int) -> None:
    """Delete the device and what was seen of it."""
    for table in _DEVICE_TABLES:
        connection.execute(f"DELETE FROM {table} WHERE device_id = ?", (device_id,))
