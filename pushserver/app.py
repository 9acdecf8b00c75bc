"""Starts one server, serves, and stops it."""

import asyncio
import gc
import os
import signal
import sys
from collections.abc import AsyncIterator, Callable
from contextlib import asynccontextmanager, suppress

import structlog

from pushserver import __version__, logs
from pushserver.background import build_webhook_supervisor, build_workers
from pushserver.clock import Clock, SystemClock
from pushserver.composition import build_services
from pushserver.errors import Misconfigured, Outdated, Unavailable
from pushserver.first_token import show_first_token
from pushserver.interrupts import EXIT_INTERRUPTED
from pushserver.listening import (
    connection_limits,
    listen,
    metrics_socket,
    raise_open_file_limit,
    stop_with_supervisor,
)
from pushserver.metrics.recorder import LogLines
from pushserver.metrics.spans import Span
from pushserver.otel import exporting_spans
from pushserver.sd_notify import feeding_watchdog
from pushserver.settings import Settings
from pushserver.stores import open_store
from pushserver.web.app_factory import build_app
from pushserver.web.server import Runner
from pushserver.web.services import Services
from pushserver.workers.webhooks.sender import WebhookSender
from pushserver.workers.worker import run_workers

log = structlog.get_logger(__name__)


class _Unwritten(Unavailable):
    """The server stopped, and could not write everything."""


@asynccontextmanager
async def running_services(settings: Settings, clock: Clock) -> AsyncIterator[Services]:
    """Open the store and run all services and workers for the length of the block."""
    store = await open_store(settings, clock)
    try:
        services = build_services(settings, store, clock)
        await _load(settings, services)
        ssrf_guard = services.subscriptions.ssrf_guard
        async with WebhookSender(ssrf_guard, __version__) as sender:
            supervisor = build_webhook_supervisor(services, sender)
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
        _Unwritten: the store refused it, or is away; the log says so.
    """
    try:
        await _flush_all(services)
    except Unavailable as error:
        # Whatever was answered is written; of the rest it is not known how much.
        what = "last polls of devices, last uses of tokens, commands that were sent"
        log.error("server.unwritten", what=what, reason=error.detail)
        raise _Unwritten(error.detail) from error


async def _flush_all(services: Services) -> None:
    await services.lanes.background_tasks.wait_all()
    await services.polling.record_written()
    await services.tokens.save_uses()
    await services.latency_history.save()
    while not services.write_behind.is_flushed:
        await services.write_behind.flush()


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
    stop: asyncio.Event,
    log_lines: LogLines,
    collect_span: Callable[[Span], None] | None = None,
) -> None:
    """
    Serve until *stop* is set; then answer held polls, flush and close.

    Raises:
        Outdated: it stopped because the schema has become too new for this release.
        _Unwritten: it stopped, and could not write everything.
    """
    clock = SystemClock()
    # What is loaded at the start lives long: collecting garbage would find none, and
    # takes its time for each object.
    gc.collect()
    gc.disable()
    raise_open_file_limit()
    async with (
        feeding_watchdog() as manager,
        running_services(settings, clock) as services,
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


def serve(settings: Settings) -> int:
    """
    Run the server in this process until SIGTERM or SIGINT; return the exit code.

    It stops alike in both cases; after Ctrl-C the code is that of every command.
    """
    logger, code = logs.configure(settings.log_level), 0
    logs.report_crashes(sys.stderr)
    try:
        with (
            exporting_spans(os.environ) as collect_span,
            asyncio.Runner(loop_factory=_new_loop) as runner,
        ):
            serving = _run_until_signaled(settings, logger.lines, collect_span)
            code = runner.run(serving)
    except* _Unwritten:
        code = 1
    except* Misconfigured as errors:
        error = _first_leaf_error(errors)
        logger.error(str(error))
        code = error.exit_code if isinstance(error, Outdated) else 1
    finally:
        logger.flush()
    return code


def _first_leaf_error(error: BaseException) -> BaseException:
    """Return the first error that is no group."""
    if isinstance(error, BaseExceptionGroup):
        return _first_leaf_error(error.exceptions[0])
    return error


async def _run_until_signaled(
    settings: Settings,
    log_lines: LogLines,
    collect_span: Callable[[Span], None] | None,
) -> int:
    stop, code = asyncio.Event(), 0

    def interrupt() -> None:
        nonlocal code
        code = EXIT_INTERRUPTED
        stop.set()

    loop = asyncio.get_running_loop()
    loop.add_signal_handler(signal.SIGTERM, stop.set)
    loop.add_signal_handler(signal.SIGINT, interrupt)
    stop_with_supervisor(stop)
    await run(settings, stop, log_lines, collect_span)
    return code


def _new_loop() -> asyncio.AbstractEventLoop:
    """Return uvloop's event loop if it is installed, else asyncio's."""
    try:
        import uvloop  # noqa: PLC0415 - there is no wheel for every platform
    except ImportError:
        return asyncio.new_event_loop()
    return uvloop.new_event_loop()
