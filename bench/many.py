"""A task for very many devices, and what an order for a door waits beside it."""

import json
import statistics
import time
from collections.abc import Mapping
from concurrent.futures import Future, ThreadPoolExecutor

import attrs

from bench import wire
from bench.servers import Server

#: Orders that are sent before, to know what each takes when nothing else is done.
ALONE = 50
_DOOR: Mapping[str, object] = {
    "endpoint": "execute_actions",
    "body": {"actions": [{"action": "door", "parameters": "door=1"}]},
}


@attrs.frozen(kw_only=True)
class Saw:
    """How long it took, in seconds: the task, and the slowest order for a door."""

    task: float
    slowest: float
    alone: float


def make_task(server: Server, devices: int) -> Saw:
    """Make a task for the first *devices*; open the next one's door all the while."""
    door = wire.FIRST_DEVICE + devices
    alone = statistics.median(_open(server, door) for _ in range(ALONE))
    beside = []
    with ThreadPoolExecutor(1) as pool:
        made: Future[float] = pool.submit(_make, server, devices)
        while not made.done():
            beside.append(_open(server, door))
    return Saw(task=made.result(), slowest=max(beside), alone=alone)


def _make(server: Server, devices: int) -> float:
    ids = [str(wire.FIRST_DEVICE + at) for at in range(devices)]
    steps = [{"endpoint": "load_objects", "body": {"object": "users"}}]
    return _timed(server, "/tasks", {"targets": {"deviceIds": ids}, "steps": steps})


def _open(server: Server, door: int) -> float:
    return _timed(server, f"/devices/{door}/commands", _DOOR)


def _timed(server: Server, path: str, wanted: Mapping[str, object]) -> float:
    body = json.dumps(wanted).encode()
    kind = "application/json"
    began = time.perf_counter()
    status, said = server.call("POST", f"/api/v1{path}", body=body, content_type=kind)
    took = time.perf_counter() - began
    assert status == wire.CREATED, said[:500]
    return took
