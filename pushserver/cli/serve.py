"""`pushserver serve`: run the server."""

from typing import Annotated

import attrs
from cyclopts import Parameter

from pushserver.cli.context import InjectedContext
from pushserver.interrupts import end_on_interrupt


@Parameter(name="*")
@attrs.frozen(kw_only=True)
class ServeOptions:
    """The settings that have a flag; what is not given is left to the others."""

    host: str | None = None
    "Address to listen on."
    port: int | None = None
    "TCP port to listen on."
    database: str | None = None
    "Where to keep everything: sqlite:///relative, sqlite:////absolute."
    hold: str | None = None
    "How long to hold a poll until there is a command: 25, 25s, 1 min."
    device_keys: str | None = None
    "Whether devices need a key in their address: optional or required."
    identity_conflict: str | None = None
    "What two terminals with one id lead to: report or quarantine."
    response_timeout: str | None = None
    "How long a device has to answer a command: 180, 3 min."
    grace: str | None = None
    "How long until a device that polls again has lost its command: 5, 5s."
    again: Annotated[bool | None, Parameter(negative=())] = None
    "For one start over a SQLite file that migrate-store copied."
    restored: Annotated[bool | None, Parameter(negative=())] = None
    "For one start after a restore: hold what must not be given twice."
    workers: int | None = None
    "How many processes serve the port; over 1 takes PostgreSQL."
    log_level: str | None = None
    "The least that is logged: debug, info, warning or error."
    config: str | None = None
    "A TOML file with settings."
    demo: Annotated[bool, Parameter(negative=())] = False
    "Over a database that is deleted at the end, with ten simulated devices."


def serve(
    *,
    options: Annotated[ServeOptions, Parameter(name="*")] = ServeOptions(),
    context: InjectedContext,
) -> int:
    """Run the server: flags come first, then PUSHSERVER_…, the file, the default."""
    # Nothing is to be undone until a server listens to signals by itself.
    end_on_interrupt()
    # Help does without them, and starts faster for it.
    from pushserver.inherited_socket import inherited_address  # noqa: PLC0415
    from pushserver.settings_loading import load  # noqa: PLC0415

    flags = attrs.asdict(options) | inherited_address(context.environ)
    if flags.pop("demo"):
        from pushserver.cli.demo import serve_demo  # noqa: PLC0415

        return serve_demo(flags, context.environ)
    settings = load(flags, context.environ)
    # A wrong setting is refused before anything else is loaded.
    from pushserver.supervisor import serve as run  # noqa: PLC0415

    return run(settings)
