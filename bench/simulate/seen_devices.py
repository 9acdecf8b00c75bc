"""Measures what devices cost by being there: polls, held polls, being seen, memory."""

import time
from collections.abc import Mapping

from bench import measure as runs
from bench import postgres
from bench.machine import resident_bytes
from bench.measure import print_progress
from bench.servers import RunningServer
from bench.simulate.meter import CpuUsage, Meter
from bench.simulate.step_client import StepClient, step_client
from bench.simulate.testbed import Testbed

#: Polls of so few devices that writing who was seen is nothing beside them.
POLLERS, POLLS_EACH = 100, 200
#: Devices that are seen; seconds until that is written.
SEEN, WRITTEN_WITHIN = 10_000, 6.5
#: Polls that are held; for how long: until all are written as seen, and some more.
HELD, HOLD = 3000, 8
HELD_FOR_MEMORY, LONG = 5000, 60
IDLE = 3.0
#: Devices that a server knows when its memory is looked at.
FLEET = 50_000


def measure_poll(
    load_client: StepClient, meter: Meter, idle: CpuUsage, *, server: int = 0
) -> float:
    """Return what an idle poll costs the meter's server of that number."""
    with meter.measure() as used:
        load_client.run_step("poll", devices=POLLERS, times=POLLS_EACH)
    polls = POLLERS * POLLS_EACH
    print_progress(f"  {polls / used[0].seconds:,.0f} idle polls/s")
    return used[0].minus(idle).servers[server] / polls


def measure_seen(
    load_client: StepClient, meter: Meter, idle: CpuUsage
) -> Mapping[str, float]:
    """Return what polls cost, and that devices are seen: by one server of two."""
    each = measure_poll(load_client, meter, idle)
    spent = _seen(load_client, meter, idle, SEEN)
    return {
        "poll_server": each,
        "seen_server": spent.servers[0] / SEEN - each,
        "seen_database": spent.writing / SEEN,
        "seen_notice_server": spent.servers[1] / SEEN,
        "seen_notice_database": spent.reading / SEEN,
    }


def _seen(
    load_client: StepClient, meter: Meter, idle: CpuUsage, devices: int
) -> CpuUsage:
    """Return what it takes that devices poll once, and are written as seen."""
    with meter.measure() as used:
        load_client.run_step("poll", devices=devices)
        time.sleep(WRITTEN_WITHIN)
    return used[0].minus(idle)


def measure_held(stage: Testbed) -> Mapping[str, float]:
    """Return what a held poll costs: its start, by how much more than an idle poll."""
    with (
        stage.servers(hold=HOLD) as (holding,),
        stage.servers() as (idling,),
        stage.meter([holding, idling]) as meter,
        step_client(holding) as waiting,
        step_client(idling) as load_client,
    ):
        for server in (holding, idling):
            server.import_devices(HELD)
        idle = meter.measure_idle(IDLE)
        each = measure_poll(load_client, meter, idle, server=1)
        answered = _seen(load_client, meter, idle, HELD).servers[1]
        start, ended = _held(waiting, meter, idle)
    return {
        "hold_server": (start - answered) / HELD + each,
        "unhold_server": ended / HELD,
    }


def _held(waiting: StepClient, meter: Meter, idle: CpuUsage) -> tuple[float, float]:
    """Return what it takes until polls are held, and what until they are answered."""
    # Connections that say nothing for long are closed.
    waiting.run_step("connect", devices=HELD)
    with meter.measure() as start:
        waiting.run_step("hold", devices=HELD)
        # They are let go HOLD seconds after they came.
        time.sleep(WRITTEN_WITHIN)
    with meter.measure() as ended:
        waiting.run_step("held")
    first, second = (used[0].minus(idle).servers[0] for used in (start, ended))
    return first, second


def measure_memory(stage: Testbed) -> Mapping[str, float]:
    """Return the bytes of a held poll, and of a device."""
    url = postgres.new_database(stage.url)
    with stage.servers_over(url, hold=LONG) as (alone,):
        few = resident_bytes(alone.process_id)
        held_size = _held_bytes(alone)
        alone.import_devices(FLEET)
    with stage.servers_over(url) as (again,):
        many = resident_bytes(again.process_id)
    return {"held_size": held_size, "device_size": (many - few) / FLEET}


def _held_bytes(server: RunningServer) -> float:
    server.import_devices(HELD_FOR_MEMORY)
    before = resident_bytes(server.process_id)
    with runs.holding_polls(server, HELD_FOR_MEMORY):
        return (resident_bytes(server.process_id) - before) / HELD_FOR_MEMORY
