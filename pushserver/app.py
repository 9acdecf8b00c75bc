"""What one server does with its store: it starts all services, serves, and stops."""

import asyncio
import gc
import resource
import sys
from collections import Counter
from collections.abc import AsyncIterator, Callable
from contextlib import asynccontextmanager, suppress

import structlog

from pushserver import __version__
from pushserver.background import build_webhook_supervisor, build_workers
from pushserver.clock import Clock
from pushserver.composition import build_services
from pushserver.errors import Misconfigured, Outdated, Unavailable, Unwritten
from pushserver.first_token import show_first_token
from pushserver.listening import listen, metrics_socket
from pushserver.metrics.recorder import LogLines
from pushserver.metrics.spans import Span
from pushserver.sd_notify import feeding_watchdog
from pushserver.settings import Settings
from pushserver.storage.base import Store
from pushserver.storage.foreign_values import refusing_foreign_values
from pushserver.web.app_factory import build_app
from pushserver.web.connection_limits import ConnectionLimits
from pushserver.web.server import Runner
from pushserver.web.services import Services
from pushserver.workers.webhooks.sender import WebhookSender
from pushserver.workers.worker import run_workers

log = structlog.get_logger(__name__)


#: Files that are no connections: the database's, webhooks', the log, and what
#: `BODIES` keeps, of which each has more than a mebibyte.
_OTHER_FILES = 100


@asynccontextmanager
async def running_services(
    settings: Settings, store: Store, clock: Clock
) -> AsyncIterator[Services]:
    """Run all services and workers over *store*; it is closed with them."""
    try:
        with refusing_foreign_values():
            services = build_services(settings, store, clock)
            await _load(settings, services)
        ssrf_guard = services.subscriptions.ssrf_guard
        async with WebhookSender(ssrf_guard, __version__) as sender:
            supervisor = build_webhook_supervisor(services, sender)
            with refusing_foreign_values():
                workers = build_workers(services, supervisor)
            running = run_workers(workers, services.worker_failures)
            async with supervisor.stopping_workers(), running:
                yield services
        # A newer schema must not be written to.
        if not store.outdated.is_set():
            await _flush(services)
    finally:
        await store.close()


async def _load(settings: Settings, services: Services) -> None:
    """
    Read what is kept in memory.

    Raises:
        Misconfigured: the database cannot be read, or not be written; or there is
            nobody to show the first token to.
    """
    try:
        await services.store.check_writable()
        await services.devices.load()
        await _load_tokens(settings, services)
        is_restored = await services.store.backups.is_restored()
        if settings.holds_commands or is_restored:
            await _hold_commands(settings, services)
        await services.event_interest.load()
        await services.subscription_registry.load()
        await services.integrity_check.load()
    except Unavailable as error:
        raise Misconfigured(f"Cannot start: {error}") from error


async def _load_tokens(settings: Settings, services: Services) -> None:
    """
    Read the tokens; show the first one, if it was made just now.

    Raises:
        Misconfigured: it could not be shown to anybody, so it was revoked.
    """
    tokens = services.tokens
    secret = await tokens.load(settings.admin_token)
    if secret is None:
        return
    try:
        path = show_first_token(secret, settings, sys.stderr)
    except OSError as error:
        token = tokens.authenticate(f"Bearer {secret}")
        await tokens.revoke(token.scope_id, token.id, force=True)
        raise Misconfigured(
            f"The first token cannot be written to {error.filename}: {error.strerror}."
            " Start in a terminal, or with ADMIN_TOKEN set."
        ) from None
    if path is not None:
        log.warning("tokens.first_written", path=str(path))


async def _hold_commands(settings: Settings, services: Services) -> None:
    """Hold, before any device polls, what it may have done already."""
    count = await services.held_commands.hold_all()
    await services.store.backups.forget_restore()
    log.warning("restore.commands_held", commands=count)
    removal = " Remove RESTORED or AGAIN before the next start."
    # For people at a terminal; where nobody reads, the line above has said it.
    with suppress(OSError):
        sys.stderr.write(
            f"{count} commands that must not be given twice are held; see `pushserver"
            f" commands --held`.{removal if settings.holds_commands else ''}\n"
        )


async def _flush(services: Services) -> None:
    """
    Write what is not on disk yet.

    Raises:
        Unwritten: the store refused it, or is away; the log says so.
    """
    try:
        await _flush_all(services)
    except Unavailable as error:
        # Whatever was answered is written; of the rest it is not known how much.
        what = "last polls of devices, last uses of tokens, commands that were sent"
        log.error("server.unwritten", what=what, reason=error.detail)
        raise Unwritten(error.detail) from error


async def _flush_all(services: Services) -> None:
    await services.lanes.background_tasks.wait_all()
    await services.polling.record_written()
    await services.tokens.uses.save()
    await services.latency_history.save()
    while not services.write_behind.is_flushed:
        await services.write_behind.flush()


def connection_limits(settings: Settings, counts: Counter[str]) -> ConnectionLimits:
    """Return how many connections the settings, and the open files, allow."""
    files = resource.getrlimit(resource.RLIMIT_NOFILE)[0]
    fitting = max(files - min(_OTHER_FILES + settings.bodies, files // 2), 1)
    return ConnectionLimits(
        counts=counts,
        total=min(settings.connections or fitting, fitting),
        per_address=settings.connections_per_address,
    )


@asynccontextmanager
async def listening(settings: Settings, services: Services) -> AsyncIterator[str]:
    """Serve all faces for the length of the block; yield the address."""
    limits = connection_limits(settings, services.counts)
    runner = Runner(build_app(services), limits, fast_lane=settings.fast_lane)
    await runner.setup()
    try:
        async with services.worker_metrics.sharing(metrics_socket()):
            yield await listen(runner, settings)
    finally:
        services.holds.close()
        services.integrity_check.stop()
        services.backups.stop()
        services.completion_waiters.close()
        services.event_interest.wake_streams()
        services.live_topics.wake()
        await runner.cleanup()


async def run(
    settings: Settings,
    store: Store,
    clock: Clock,
    stop: asyncio.Event,
    log_lines: LogLines,
    collect_span: Callable[[Span], None] | None = None,
) -> None:
    """
    Serve over *store* until *stop* is set; then answer held polls, flush and close it.

    Raises:
        Outdated: it stopped because the schema has become too new for this release.
        Unwritten: it stopped, and could not write everything.
    """
    async with (
        feeding_watchdog() as manager,
        running_services(settings, store, clock) as services,
    ):
        services.metrics.log_lines = log_lines
        services.metrics.spans.collect = collect_span
        _tune_gc()
        async with listening(settings, services) as url:
            log.info(
                "server.started",
                url=url,
                version=__version__,
                store=services.store.database_version,
                devices=len(services.devices),
                connections=connection_limits(settings, services.counts).total,
            )
            manager.ready(f"Serves at {url}.")
            await _first_of(stop, services.store.outdated)
            log.info("server.stopping", held_polls=len(services.holds))
            manager.stopping("Answers what is held, and writes what is pending.")
            services.store.prepare_to_close()
    log.info("server.stopped")
    if services.store.outdated.is_set():
        raise Outdated("The database has a newer schema; start a newer release.")


async def _first_of(*events: asyncio.Event) -> None:
    """Wait until one of *events* is set."""
    waiting = [asyncio.create_task(event.wait()) for event in events]
    try:
        await asyncio.wait(waiting, return_when=asyncio.FIRST_COMPLETED)
    finally:
        for task in waiting:
            task.cancel()


def _tune_gc() -> None:
    """
    Exempt long-lived objects from garbage collection.

    Ten thousand held polls are about a million objects; each full collection of them
    would delay every door command by a tenth of a second: there is one in some days.
    Young garbage is collected by `YoungGarbage`, and here only where much of it is made
    at once, as in a call for a whole fleet.
    """
    gc.freeze()
    gc.set_threshold(5_000, 2, 600_000)
    gc.enable()
