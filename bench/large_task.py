"""A task for very many devices, and what an order for a door waits beside it."""

import json
import statistics
import time
from collections.abc import Mapping
from concurrent.futures import Future, ThreadPoolExecutor

import attrs

from bench import wire
from bench.servers import RunningServer

#: Orders that are sent before, to know what each takes when nothing else is done.
BASELINE_ENQUEUES = 50
_DOOR: Mapping[str, object] = {
    "endpoint": "execute_actions",
    "body": {"actions": [{"action": "door", "parameters": "door=1"}]},
}


@attrs.frozen(kw_only=True)
class TaskTimings:
    """How long it took, in seconds: the task, and the slowest order for a door."""

    task_seconds: float
    slowest_door_seconds: float
    usual_door_seconds: float


def measure_task(server: RunningServer, devices: int) -> TaskTimings:
    """Make a task for the first *devices*; open the next one's door all the while."""
    door = wire.FIRST_DEVICE + devices
    usual_door_seconds = statistics.median(
        _open_door(server, door) for _ in range(BASELINE_ENQUEUES)
    )
    door_seconds = []
    with ThreadPoolExecutor(1) as pool:
        creation: Future[float] = pool.submit(_create_task, server, devices)
        while not creation.done():
            door_seconds.append(_open_door(server, door))
    return TaskTimings(
        task_seconds=creation.result(),
        slowest_door_seconds=max(door_seconds),
        usual_door_seconds=usual_door_seconds,
    )


def _create_task(server: RunningServer, devices: int) -> float:
    ids = [str(wire.FIRST_DEVICE + at) for at in range(devices)]
    steps = [{"endpoint": "load_objects", "body": {"object": "users"}}]
    return _timed_post(
        server, "/tasks", {"targets": {"deviceIds": ids}, "steps": steps}
    )


def _open_door(server: RunningServer, door: int) -> float:
    return _timed_post(server, f"/devices/{door}/commands", _DOOR)


def _timed_post(
    server: RunningServer, path: str, fields: Mapping[str, object]
) -> float:
    body = json.dumps(fields).encode()
    kind = "application/json"
    began = time.perf_counter()
    status, answer = server.call("POST", f"/api/v1{path}", body=body, content_type=kind)
    took = time.perf_counter() - began
    assert status == wire.CREATED, answer[:500]
    return took
