"""The settings of a server: what each means, its default, and what it may be."""

from collections.abc import Callable
from datetime import time
from pathlib import Path
from typing import Any

import attrs
import typed_settings as ts

from pushserver.model.bounds import Bounds
from pushserver.model.device import MAX_HOLD_SECONDS, DeviceKeys, IdentityConflict
from pushserver.settings_durations import DurationRange, Unit
from pushserver.settings_networks import (
    Network,
    parse_networks,
    parse_proxies,
    validate_networks,
    validate_proxies,
    validate_public_url,
    without_slash,
)
from pushserver.settings_times import parse_time_of_day, validate_time_of_day

_SQLITE = "sqlite:///"
_POSTGRES = ("postgresql://", "postgres://")
_MAX_PORT = 65_535
_MAX_WORKERS = 256
#: The largest body, in MiB, has to fit.
_MIN_BODIES = 64
#: A year; a longer duration is a mistake in the unit.
_MAX_SECONDS = 366 * 86_400
#: A century; history that is older is kept by `0`.
_MAX_DAYS = 36_525
_LEVELS = ("debug", "info", "warning", "error")


Validator = Callable[[object, "attrs.Attribute[Any]", Any], None]


def _validate(is_valid: Callable[[Any], bool], rule: str) -> Validator:
    """Return a validator that refuses other values and states the *rule*."""

    def check(_: object, field: "attrs.Attribute[Any]", value: object) -> None:
        if not is_valid(value):
            raise ValueError(f"{field.name} must be {rule}")

    return check


_SECONDS = DurationRange(unit=Unit.SECONDS, maximum=_MAX_SECONDS)
_DAYS = DurationRange(unit=Unit.DAYS, maximum=_MAX_DAYS)


def _duration(default: float, durations: DurationRange, **fields: Any) -> Any:
    """Return a setting that is a duration, and whose metadata have its range."""
    return ts.option(
        default=default,
        converter=durations.parse,
        validator=durations.validate,
        metadata={DurationRange: durations},
        **fields,
    )


def _validate_one_of(*allowed: str) -> Validator:
    return _validate(lambda v: v is None or v in allowed, " or ".join(allowed))


@ts.settings(frozen=True, kw_only=True)
class Settings(Bounds):
    """The settings of a server. Durations are in the unit of their range."""

    host: str = ts.option(default="127.0.0.1", help="Address to listen on.")
    port: int = ts.option(
        default=8080,
        validator=_validate(lambda n: 0 <= n <= _MAX_PORT, f"from 0 to {_MAX_PORT}"),
        help="TCP port to listen on; 0 takes a free one.",
    )
    database: str = ts.option(
        default="sqlite:///pushserver.db",
        repr=False,
        help="sqlite:///relative/path, sqlite:////absolute/path or postgresql://….",
    )
    admin_token: str | None = ts.option(
        default=None,
        repr=False,
        help="A token that may do everything, valid while it is set.",
    )
    hold: float = _duration(
        0,
        attrs.evolve(_SECONDS, maximum=MAX_HOLD_SECONDS),
        help="How long a poll is held when there is nothing to do.",
    )
    device_keys: str | None = ts.option(
        default=None,
        validator=_validate_one_of(*DeviceKeys),
        help="Whether every device needs a key: optional or required.",
    )
    identity_conflict: str = ts.option(
        default=IdentityConflict.REPORT.value,
        validator=_validate_one_of(*IdentityConflict),
        help="What two terminals with one id lead to: report or quarantine.",
    )
    response_timeout: float = _duration(
        180,
        attrs.evolve(_SECONDS, is_zero_allowed=False),
        help="How long a device's answer is awaited.",
    )
    grace: float = _duration(
        5,
        _SECONDS,
        help="How long a poll during a command does not mean that the answer was lost.",
    )
    webhook_allow_http: bool = ts.option(
        default=False, help="Whether webhooks may go unencrypted."
    )
    webhook_allow_networks: str = ts.option(
        default="",
        validator=validate_networks,
        help="Networks inside that webhooks may reach, such as 10.1.0.0/16.",
    )
    kapua_delete_status: int = ts.option(
        default=200,
        validator=_validate(lambda status: status in (200, 204), "200 or 204"),
        help="What a Kapua client's DELETE is answered: 200, or 204 as of newer ones.",
    )
    retention: float = _duration(
        90,
        _DAYS,
        help="After how many days history is deleted; 0 keeps it for ever.",
    )
    body_retention: float = _duration(
        7,
        _DAYS,
        help="After how many days bodies and results are deleted from it; 0: never.",
    )
    audit_retention: float = _duration(
        365,
        _DAYS,
        help="After how many days it is forgotten who did what; 0 keeps it for ever.",
    )
    integrity_check: str = ts.option(
        default="03:30",
        validator=validate_time_of_day,
        help="When a SQLite file is checked, by the machine's clock: HH:MM, or never.",
    )
    backup_folder: str = ts.option(
        default="",
        help="Where backups of a SQLite file are put; none are made without.",
    )
    backup_every: float = _duration(
        21_600,
        attrs.evolve(_SECONDS, is_zero_allowed=False),
        help="How long after the newest backup another one is made.",
    )
    backup_keep: int = ts.option(
        default=28,
        validator=_validate(lambda n: n >= 1, "1 or more"),
        help="How many backups are kept.",
    )
    bodies: int = ts.option(
        default=256,
        validator=_validate(lambda n: n >= _MIN_BODIES, f"MiB, {_MIN_BODIES} or more"),
        help="How many MiB of large bodies may be under way at once.",
    )
    connections: int = ts.option(
        default=0,
        validator=_validate(lambda n: n >= 0, "0 or more"),
        help="How many connections may be open; 0: as many as files allow.",
    )
    connections_per_address: int = ts.option(
        default=0,
        validator=_validate(lambda n: n >= 0, "0 or more"),
        help="How many of them may come from one address; 0: any number.",
    )
    public_url: str = ts.option(
        default="",
        converter=without_slash,
        validator=validate_public_url,
        help="Where devices and programs reach the server, such as https://x.example.",
    )
    trusted_proxies: str = ts.option(
        default="",
        validator=validate_proxies,
        help="Networks of proxies that say truly whose requests they pass on; or unix.",
    )
    fast_lane: bool = ts.option(
        default=True,
        help="Whether what devices and programs ask all day is answered the fast way.",
    )
    again: bool = ts.option(
        default=False,
        help="For one start over a SQLite file that was copied into PostgreSQL.",
    )
    restored: bool = ts.option(
        default=False,
        help="For one start after a restore: hold what must not be given twice.",
    )
    workers: int = ts.option(
        default=1,
        validator=_validate(
            lambda n: 1 <= n <= _MAX_WORKERS, f"from 1 to {_MAX_WORKERS}"
        ),
        help="How many processes serve the one port; over 1 takes PostgreSQL.",
    )
    log_level: str = ts.option(
        default="info",
        validator=_validate_one_of(*_LEVELS),
        help="debug, info, warning or error.",
    )

    @property
    def bounds(self) -> Bounds:
        """The bounds alone."""
        names = [field.name for field in attrs.fields(Bounds)]
        return Bounds(**{name: getattr(self, name) for name in names})

    @property
    def holds_commands(self) -> bool:
        """Whether devices may have done already what waits in the database."""
        return self.restored or self.again

    @property
    def device_key_policy(self) -> DeviceKeys:
        """Whether every device needs a key; beyond loopback it has to be set."""
        return DeviceKeys(self.device_keys or DeviceKeys.OPTIONAL)

    @property
    def conflict_policy(self) -> IdentityConflict:
        """What becomes of the newer of two addresses that poll as one device."""
        return IdentityConflict(self.identity_conflict)

    @property
    def webhook_networks(self) -> tuple[Network, ...]:
        """The private networks that webhooks may reach."""
        return parse_networks(self.webhook_allow_networks)

    @property
    def integrity_check_at(self) -> time | None:
        """When a SQLite file is checked, by the machine's clock; None: never."""
        return parse_time_of_day(self.integrity_check)

    @property
    def backup_path(self) -> Path | None:
        """Where backups are put; None: none are made."""
        return Path(self.backup_folder) if self.backup_folder else None

    @property
    def trusted_networks(self) -> tuple[Network, ...]:
        """The networks of proxies in front of the server."""
        return parse_proxies(self.trusted_proxies)[0]

    @property
    def trusts_unix_socket(self) -> bool:
        """Whether whoever comes by a Unix socket is a proxy, too."""
        return parse_proxies(self.trusted_proxies)[1]

    @property
    def is_behind_proxy(self) -> bool:
        """Whether others reach the server by a proxy, wherever it listens itself."""
        return bool(self.public_url or self.trusted_proxies)

    @property
    def is_postgres(self) -> bool:
        """Whether the database is PostgreSQL."""
        return self.database.startswith(_POSTGRES)

    @property
    def is_sqlite(self) -> bool:
        """Whether the database is a SQLite file."""
        return self.database.startswith(_SQLITE)

    @property
    def sqlite_path(self) -> Path:
        """Where the SQLite file is."""
        return Path(self.database.removeprefix(_SQLITE))

    @property
    def spool_folder(self) -> Path | None:
        """Where large bodies go while they arrive; None: where temporary files do."""
        return self.sqlite_path.absolute().parent if self.is_sqlite else None


#: Settings that are secrets, or have one in them, as the database's password.
SECRETS = frozenset(field.name for field in attrs.fields(Settings) if not field.repr)
