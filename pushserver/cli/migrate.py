"""`pushserver migrate`: bring a database to this release's schema."""

from collections.abc import Sequence
from typing import Annotated

from cyclopts import Parameter

from pushserver.cli.context import CliContext, InjectedContext, UsageError
from pushserver.storage.migrations import SCHEMA_VERSION, Migration
from pushserver.storage.migrator import Migrated, Plan

Switch = Annotated[bool, Parameter(negative=())]


def migrate(
    *,
    database: str | None = None,
    config: str | None = None,
    check: Switch = False,
    sql: Switch = False,
    context: InjectedContext,
) -> int:
    """
    Do what the database's schema lacks for this release: all of it, or nothing.

    A SQLite file must not be in use; it is copied first. Servers over a PostgreSQL go
    on working, or stop by themselves, as each step says.

    Parameters
    ----------
    database
        The database: sqlite:///relative, sqlite:////absolute, postgresql://user@host/name;
        else PUSHSERVER_DATABASE, else the file's.
    config
        A TOML file with settings.
    check
        Change nothing; print what is missing, and exit with 1 if anything is.
    sql
        Change nothing; print the SQL that would be run.
    """
    # Every other command does without the stores, and starts faster for it.
    from pushserver.clock import SystemClock  # noqa: PLC0415
    from pushserver.settings_loading import load  # noqa: PLC0415
    from pushserver.stores import migrator_of  # noqa: PLC0415

    if check and sql:
        raise UsageError("Give --check or --sql, not both")
    given = {"database": database, "config": config}
    migrator = migrator_of(load(given, context.environ))
    if check or sql:
        plan = migrator.plan()
        return _print_sql(context, plan) if sql else _print_missing(context, plan)
    return _print_done(context, migrator.migrate(SystemClock().now()))


def _print_sql(context: CliContext, plan: Plan) -> int:
    if plan.sql:
        context.print_line(plan.sql)
    else:
        context.print_note(_nothing(plan.old))
    return 0


def _print_missing(context: CliContext, plan: Plan) -> int:
    if plan.steps:
        context.print_table(_rows(plan.steps), ["missing", "runningServers"])
    else:
        context.print_note(_nothing(plan.old))
    return 1 if plan.steps else 0


def _print_done(context: CliContext, done: Migrated) -> int:
    if not done.steps:
        context.print_note(_nothing(done.old))
        return 0
    copy = {} if done.copy is None else {"copy": str(done.copy)}
    steps = [step.name for step in done.steps]
    context.print_fields(
        {"from": done.old, "to": done.steps[-1].number, "steps": steps, **copy}
    )
    return 0


def _rows(steps: Sequence[Migration]) -> list[dict[str, str]]:
    return [{"missing": step.name, "runningServers": step.servers} for step in steps]


def _nothing(old: int | None) -> str:
    if old is None:
        return "The database is empty: a server makes the tables at its first start."
    return f"Nothing is missing: the database has schema {max(old, SCHEMA_VERSION)}."
