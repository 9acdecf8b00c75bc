"""The services of devices' shadows as rows."""

from functools import partial

from pushserver.model.shadow import PropertyValue, Service, WriteOutcome
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

SERVICES = Table(
    "shadow",
    partial(Service, stored=True),
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
    ],
)
DUE_SERVICES = Table("shadow", DueService, ["device_id", "service_id"])
