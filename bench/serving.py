"""Runs an aiohttp application the way the server runs: one loop, no access log."""

import argparse
import asyncio
import signal
from collections.abc import Callable
from importlib import import_module
from importlib.util import find_spec

from aiohttp import web

HOST = "127.0.0.1"


def new_event_loop() -> asyncio.AbstractEventLoop:
    """Make uvloop's event loop where it is installed, else asyncio's own."""
    if find_spec("uvloop") is None:
        return asyncio.new_event_loop()
    loop: asyncio.AbstractEventLoop = import_module("uvloop").new_event_loop()
    return loop


def argument_parser() -> argparse.ArgumentParser:
    """Parse what every server here needs: its port."""
    parser = argparse.ArgumentParser()
    parser.add_argument("--port", type=int, required=True)
    return parser


def serve(build: Callable[[], web.Application], port: int) -> None:
    """Serve what *build* makes on loopback until SIGTERM."""
    with asyncio.Runner(loop_factory=new_event_loop) as runner:
        runner.run(_serve(build(), port))


async def _serve(app: web.Application, port: int) -> None:
    stop = asyncio.Event()
    loop = asyncio.get_running_loop()
    for number in (signal.SIGTERM, signal.SIGINT):
        loop.add_signal_handler(number, stop.set)
    runner = web.AppRunner(app, access_log=None)
    await runner.setup()
    try:
        await web.TCPSite(runner, HOST, port).start()
        await stop.wait()
    finally:
        await runner.cleanup()
