"""Rows and values of devices' shadows, for every store."""

from collections.abc import Mapping
from typing import Any

import msgspec

from pushserver.model.shadow import Service, Value, Written
from pushserver.storage.rows import Row

SHADOW = (
    "device_id, service_id, scope_id, desired, reported, version, desired_at,"
    " reported_at, command_id, sent, carried, sent_version, outcome, verified, error,"
    " lapsed, due, planned, read_id, asked"
)
_encode = msgspec.json.Encoder().encode
_values = msgspec.json.Decoder(dict[str, Value]).decode
_texts = msgspec.json.Decoder(dict[str, str]).decode
_names = msgspec.json.Decoder(tuple[str, ...]).decode


def service_from_row(row: Row) -> Service:
    """Make a service of the columns SHADOW."""
    return Service(
        device_id=row[0],
        service_id=row[1],
        scope_id=row[2],
        desired=_values(row[3]),
        reported=_texts(row[4]),
        version=row[5],
        desired_at=row[6],
        reported_at=row[7],
        command_id=row[8],
        sent=_values(row[9]),
        carried=_texts(row[10]),
        sent_version=row[11],
        outcome=None if row[12] is None else Written(row[12]),
        verified=bool(row[13]),
        error=None if row[14] is None else row[14].encode(),
        lapsed=bool(row[15]),
        due=bool(row[16]),
        planned=bool(row[17]),
        read_id=row[18],
        asked=_names(row[19]),
        stored=True,
    )


def service_row(service: Service) -> Row:
    """Return the columns SHADOW."""
    return (*service.key, service.scope_id, *_standing(service))


def track_row(service: Service) -> Row:
    """Return the columns of SHADOW that change, then the key."""
    return (*_standing(service), *service.key)


def _standing(service: Service) -> tuple[Any, ...]:
    return (
        _json(service.desired),
        _json(service.reported),
        service.version,
        service.desired_at,
        service.reported_at,
        service.command_id,
        _json(service.sent),
        _json(service.carried),
        service.sent_version,
        service.outcome and service.outcome.value,
        int(service.verified),
        None if service.error is None else service.error.decode(),
        int(service.lapsed),
        int(service.due),
        int(service.planned),
        service.read_id,
        _json(service.asked),
    )


def _json(value: Mapping[str, Value] | tuple[str, ...]) -> str:
    return _encode(value).decode()
