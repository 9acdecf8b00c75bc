"""Measures what devices cost by being there: polls, held polls, being seen, memory."""

import time
from collections.abc import Mapping

from bench import measure as runs
from bench import postgres
from bench.machine import resident_bytes
from bench.measure import say
from bench.servers import Server
from bench.simulate.client import Client, client
from bench.simulate.meter import Meter, Used
from bench.simulate.stage import Stage

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


def poll(asking: Client, meter: Meter, idle: Used, *, server: int = 0) -> float:
    """Return what an idle poll costs the meter's server of that number."""
    with meter.metering() as used:
        asking.do("poll", devices=POLLERS, times=POLLS_EACH)
    polls = POLLERS * POLLS_EACH
    say(f"  {polls / used[0].took:,.0f} idle polls/s")
    return used[0].without(idle).servers[server] / polls


def seen(asking: Client, meter: Meter, idle: Used) -> Mapping[str, float]:
    """Return what polls cost, and that devices are seen: by one server of two."""
    each = poll(asking, meter, idle)
    spent = _seen(asking, meter, idle, SEEN)
    return {
        "poll_server": each,
        "seen_server": spent.servers[0] / SEEN - each,
        "seen_database": spent.writing / SEEN,
        "heard_server": spent.servers[1] / SEEN,
        "heard_database": spent.reading / SEEN,
    }


def _seen(asking: Client, meter: Meter, idle: Used, devices: int) -> Used:
    """Return what it takes that devices poll once, and are written as seen."""
    with meter.metering() as used:
        asking.do("poll", devices=devices)
        time.sleep(WRITTEN_WITHIN)
    return used[0].without(idle)


def held(stage: Stage) -> Mapping[str, float]:
    """Return what a held poll costs: its start, by how much more than an idle poll."""
    with (
        stage.servers(hold=HOLD) as (holding,),
        stage.servers() as (idling,),
        stage.meter([holding, idling]) as meter,
        client(holding) as waiting,
        client(idling) as asking,
    ):
        for server in (holding, idling):
            server.adopt(HELD)
        idle = meter.idle(IDLE)
        each = poll(asking, meter, idle, server=1)
        answered = _seen(asking, meter, idle, HELD).servers[1]
        begun, ended = _held(waiting, meter, idle)
    return {
        "hold_server": (begun - answered) / HELD + each,
        "unhold_server": ended / HELD,
    }


def _held(waiting: Client, meter: Meter, idle: Used) -> tuple[float, float]:
    """Return what it takes until polls are held, and what until they are answered."""
    # Connections that say nothing for long are closed.
    waiting.do("connect", devices=HELD)
    with meter.metering() as begun:
        waiting.do("hold", devices=HELD)
        # They are let go HOLD seconds after they came.
        time.sleep(WRITTEN_WITHIN)
    with meter.metering() as ended:
        waiting.do("held")
    first, second = (used[0].without(idle).servers[0] for used in (begun, ended))
    return first, second


def memory(stage: Stage) -> Mapping[str, float]:
    """Return the bytes of a held poll, and of a device."""
    url = postgres.new_database(stage.url)
    with stage.over(url, hold=LONG) as (alone,):
        few = resident_bytes(alone.process_id)
        held_size = _held_bytes(alone)
        alone.adopt(FLEET)
    with stage.over(url) as (again,):
        many = resident_bytes(again.process_id)
    return {"held_size": held_size, "device_size": (many - few) / FLEET}


def _held_bytes(server: Server) -> float:
    server.adopt(HELD_FOR_MEMORY)
    before = resident_bytes(server.process_id)
    with runs.held(server, HELD_FOR_MEMORY):
        return (resident_bytes(server.process_id) - before) / HELD_FOR_MEMORY
