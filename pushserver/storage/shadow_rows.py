"""Rows and values of devices' shadows, for every store."""

from collections.abc import Mapping
from typing import Any

import msgspec

from pushserver.model.shadow import PropertyValue, Service, WriteOutcome
from pushserver.storage.rows import Row

SERVICE_COLUMNS = (
    "device_id, service_id, scope_id, desired, reported, desired_version, desired_at,"
    " reported_at, write_command_id, sent_values, sent_texts, sent_version,"
    " write_outcome, verified, write_error, write_expired, needs_reconcile,"
    " awaits_step, read_command_id, read_keys"
)
_encode = msgspec.json.Encoder().encode
_decode_values = msgspec.json.Decoder(dict[str, PropertyValue]).decode
_decode_texts = msgspec.json.Decoder(dict[str, str]).decode
_decode_names = msgspec.json.Decoder(tuple[str, ...]).decode


def service_from_row(row: Row) -> Service:
    """Make a service of the columns SHADOW."""
    return Service(
        device_id=row[0],
        service_id=row[1],
        scope_id=row[2],
        desired=_decode_values(row[3]),
        reported=_decode_texts(row[4]),
        desired_version=row[5],
        desired_at=row[6],
        reported_at=row[7],
        write_command_id=row[8],
        sent_values=_decode_values(row[9]),
        sent_texts=_decode_texts(row[10]),
        sent_version=row[11],
        write_outcome=None if row[12] is None else WriteOutcome(row[12]),
        verified=bool(row[13]),
        write_error=None if row[14] is None else row[14].encode(),
        is_write_expired=bool(row[15]),
        needs_reconcile=bool(row[16]),
        awaits_step=bool(row[17]),
        read_command_id=row[18],
        read_keys=_decode_names(row[19]),
        stored=True,
    )


def service_row(service: Service) -> Row:
    """Return the columns SHADOW."""
    return (*service.key, service.scope_id, *_mutable_values(service))


def service_update_row(service: Service) -> Row:
    """Return the columns of SHADOW that change, then the key."""
    return (*_mutable_values(service), *service.key)


def _mutable_values(service: Service) -> tuple[Any, ...]:
    return (
        _json(service.desired),
        _json(service.reported),
        service.desired_version,
        service.desired_at,
        service.reported_at,
        service.write_command_id,
        _json(service.sent_values),
        _json(service.sent_texts),
        service.sent_version,
        service.write_outcome and service.write_outcome.value,
        int(service.verified),
        None if service.write_error is None else service.write_error.decode(),
        int(service.is_write_expired),
        int(service.needs_reconcile),
        int(service.awaits_step),
        service.read_command_id,
        _json(service.read_keys),
    )


def _json(value: Mapping[str, PropertyValue] | tuple[str, ...]) -> str:
    return _encode(value).decode()
