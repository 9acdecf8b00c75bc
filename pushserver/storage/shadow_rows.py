"""The services of devices' shadows as rows."""

from typing import Any

from pushserver.model.shadow import PropertyValue, Service, WriteOutcome
from pushserver.storage.actor_rows import actor_columns, with_actors
from pushserver.storage.shadows import DueService
from pushserver.storage.table import (
    FLAG,
    Codec,
    Column,
    Table,
    enum_codec,
    json_codec,
)

_VALUES = json_codec(dict[str, PropertyValue])
_TEXTS = json_codec(dict[str, str])


def _stored_service(**fields: Any) -> Service:
    return Service(stored=True, **fields)


SERVICES = Table(
    "shadow",
    with_actors(_stored_service, "desired_by"),
    [
        "device_id, service_id, scope_id",
        Column("desired", codec=_VALUES),
        Column("reported", codec=_TEXTS),
        "desired_version, desired_at, reported_at, write_command_id",
        Column("sent_values", codec=_VALUES),
        Column("sent_texts", codec=_TEXTS),
        "sent_version",
        Column("write_outcome", codec=enum_codec(WriteOutcome)),
        Column("verified", codec=FLAG),
        Column("write_error", codec=Codec(bytes.decode, str.encode)),
        Column("write_expired", "is_write_expired", FLAG),
        Column("needs_reconcile", codec=FLAG),
        Column("awaits_step", codec=FLAG),
        "read_command_id",
        Column("read_keys", codec=json_codec(tuple[str, ...])),
        *actor_columns("desired_by"),
    ],
)
DUE_SERVICES = Table("shadow", DueService, ["device_id, service_id, desired_by"])
