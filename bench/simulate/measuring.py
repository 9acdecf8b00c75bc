"""Runs real servers over a PostgreSQL, and returns what everything costs on them."""

import datetime
import statistics
import time
from collections.abc import Mapping, Sequence

from bench import machine, postgres
from bench.measure import QUICK, load, say
from bench.row import Bench
from bench.simulate import commands, presence
from bench.simulate.client import Client, client
from bench.simulate.meter import Meter, Used
from bench.simulate.stage import Stage, stage, sync_seconds
from bench.simulate.times import Kept, Times

ROUNDS = 3
#: Orders a second for held devices, so few that they do not meet; for so many seconds.
ORDERS, POLLS, SECONDS = 50, 500, 8.0
HOLD = 60
IDLE = 5.0


def measure(rounds: int = ROUNDS) -> Kept:
    """Measure everything *rounds* times; return the medians."""
    machine.allow_open_files()
    with machine.folder_on_disk() as folder, stage(Bench(folder, QUICK)) as scene:
        found = [_round(scene, number + 1) for number in range(rounds)]
        facts = dict(machine.facts(folder)) | {"PostgreSQL": scene.release}
    return Kept(
        date=datetime.datetime.now(datetime.UTC).date().isoformat(),
        machine=facts,
        rounds=rounds,
        times=_put_together(found),
    )


def _put_together(found: Sequence[Mapping[str, float]]) -> Times:
    """Take medians; of what is only waited for the least: others make it longer."""
    return Times(
        **{
            name: (min if name.endswith("_wait") else statistics.median)(
                # A difference may be less than nothing, by noise.
                max(0.0, of_round[name])
                for of_round in found
            )
            for name in found[0]
        }
    )


def _round(scene: Stage, number: int) -> Mapping[str, float]:
    say(f"round {number}: commands")
    found = {**_alone(scene)}
    say("  a second server")
    found |= _together(scene)
    say("  held polls, and memory")
    found |= presence.held(scene)
    found |= presence.memory(scene)
    say("  a door whose device is held, at the same server and at another")
    found |= {"door_wait": _door(scene, 0), "elsewhere_wait": _door(scene, 1)}
    say("  " + ", ".join(f"{name} {value:.3g}" for name, value in found.items()))
    return found


def _alone(scene: Stage) -> Mapping[str, float]:
    """Return what commands cost a server that is alone."""
    url = postgres.new_database(scene.url)
    with scene.over(url) as servers, scene.meter(servers, url) as meter:
        servers[0].adopt(commands.DEVICES)
        with client(servers[0]) as asking:
            idle = _warm([asking], meter)
            return {
                **commands.measure(servers[0], asking, meter, idle),
                "sync_wait": sync_seconds(meter),
            }


def _together(scene: Stage) -> Mapping[str, float]:
    """Return what two servers cost each other, and what devices cost that are there."""
    with (
        scene.servers(2) as servers,
        scene.servers() as (third,),
        scene.meter([*servers, third]) as meter,
        client(servers[0]) as asking,
        client(third) as alone,
    ):
        for server in (servers[0], third):
            server.adopt(presence.SEEN)
        idle = _warm([asking, alone], meter)
        return {
            **presence.seen(asking, meter, idle),
            **commands.telling(asking, alone, meter, idle),
            "idle_server": idle.servers[1] / idle.took,
            "idle_database": idle.database / idle.took / 3,
        }


def _warm(clients: Sequence[Client], meter: Meter) -> Used:
    """Let everything be done once; return what is used when nothing is asked."""
    for asking in clients:
        commands.warm_up(asking)
    time.sleep(presence.WRITTEN_WITHIN)
    return meter.idle(IDLE)


def _door(scene: Stage, ordered_at: int) -> float:
    """Return how long a device held at the first server waits for what is ordered."""
    options = {"rate": ORDERS, "polls": POLLS, "warm": 1, "seconds": SECONDS}
    with scene.servers(2, hold=HOLD) as servers:
        servers[ordered_at].adopt(POLLS)
        port = servers[ordered_at].port
        return load(servers[0], "latency", orders=port, **options)["p50"] / 1000
