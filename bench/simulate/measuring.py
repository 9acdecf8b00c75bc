"""Runs real servers over a PostgreSQL, and returns what everything costs on them."""

import datetime
import statistics
import time
from collections.abc import Mapping, Sequence

from bench import machine, postgres
from bench.measure import QUICK, print_progress, run_load
from bench.row import Bench
from bench.simulate import commands, seen_devices
from bench.simulate.meter import CpuUsage, Meter
from bench.simulate.step_client import StepClient, step_client
from bench.simulate.testbed import Testbed, run_testbed, sync_seconds
from bench.simulate.times import MeasuredTimes, ServiceTimes

ROUNDS = 3
#: Orders a second for held devices, so few that they do not meet; for so many seconds.
ENQUEUES_PER_SECOND, POLLS, SECONDS = 50, 500, 8.0
HOLD = 60
IDLE = 5.0


def measure(rounds: int = ROUNDS) -> MeasuredTimes:
    """Measure everything *rounds* times; return the medians."""
    machine.allow_open_files()
    with (
        machine.folder_on_disk() as folder,
        run_testbed(Bench(folder, QUICK)) as testbed,
    ):
        found = [_round(testbed, number + 1) for number in range(rounds)]
        facts = dict(machine.describe(folder)) | {"PostgreSQL": testbed.release}
    return MeasuredTimes(
        date=datetime.datetime.now(datetime.UTC).date().isoformat(),
        machine=facts,
        rounds=rounds,
        times=_combine_rounds(found),
    )


def _combine_rounds(found: Sequence[Mapping[str, float]]) -> ServiceTimes:
    """Take medians; of what is only waited for the least: others make it longer."""
    return ServiceTimes(
        **{
            name: (min if name.endswith("_wait") else statistics.median)(
                # A difference may be less than nothing, by noise.
                max(0.0, of_round[name])
                for of_round in found
            )
            for name in found[0]
        }
    )


def _round(testbed: Testbed, number: int) -> Mapping[str, float]:
    print_progress(f"round {number}: commands")
    found = {**_measure_one_server(testbed)}
    print_progress("  a second server")
    found |= _measure_two_servers(testbed)
    print_progress("  held polls, and memory")
    found |= seen_devices.measure_held(testbed)
    found |= seen_devices.measure_memory(testbed)
    print_progress("  a door whose device is held, at the same server and at another")
    found |= {
        "door_wait": _measure_door(testbed, 0),
        "remote_door_wait": _measure_door(testbed, 1),
    }
    print_progress(
        "  " + ", ".join(f"{name} {value:.3g}" for name, value in found.items())
    )
    return found


def _measure_one_server(testbed: Testbed) -> Mapping[str, float]:
    """Return what commands cost a server that is alone."""
    url = postgres.new_database(testbed.url)
    with testbed.servers_over(url) as servers, testbed.meter(servers, url) as meter:
        servers[0].import_devices(commands.DEVICES)
        with step_client(servers[0]) as load_client:
            idle = _warm_up([load_client], meter)
            return {
                **commands.measure(servers[0], load_client, meter, idle),
                "sync_wait": sync_seconds(meter),
            }


def _measure_two_servers(testbed: Testbed) -> Mapping[str, float]:
    """Return what two servers cost each other, and what devices cost that are there."""
    with (
        testbed.servers(2) as servers,
        testbed.servers() as (third,),
        testbed.meter([*servers, third]) as meter,
        step_client(servers[0]) as load_client,
        step_client(third) as alone,
    ):
        for server in (servers[0], third):
            server.import_devices(seen_devices.SEEN)
        idle = _warm_up([load_client, alone], meter)
        return {
            **seen_devices.measure_seen(load_client, meter, idle),
            **commands.measure_notices(load_client, alone, meter, idle),
            "idle_server": idle.servers[1] / idle.seconds,
            "idle_database": idle.database / idle.seconds / 3,
        }


def _warm_up(clients: Sequence[StepClient], meter: Meter) -> CpuUsage:
    """Let everything be done once; return what is used when nothing is asked."""
    for load_client in clients:
        commands.warm_up(load_client)
    time.sleep(seen_devices.WRITTEN_WITHIN)
    return meter.measure_idle(IDLE)


def _measure_door(testbed: Testbed, ordered_at: int) -> float:
    """Return how long a device held at the first server waits for what is ordered."""
    options = {
        "rate": ENQUEUES_PER_SECOND,
        "polls": POLLS,
        "warm": 1,
        "seconds": SECONDS,
    }
    with testbed.servers(2, hold=HOLD) as servers:
        servers[ordered_at].import_devices(POLLS)
        port = servers[ordered_at].port
        return run_load(servers[0], "latency", orders=port, **options)["p50"] / 1000
