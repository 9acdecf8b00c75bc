"""What servers do by themselves, all the time."""

from bench.simulate.plan import FLUSH_INTERVAL
from bench.simulate.queues import SimProcess
from bench.simulate.servers import ServerProcess
from bench.simulate.world import World

#: Devices in one statement of who was seen.
FLUSH_BATCH = 500
#: Seconds from one look to the next for answers whose writing is to be noted.
RECORD_INTERVAL = 0.1


def flush_last_seen(world: World, number: int) -> SimProcess:
    """Write who was seen, in pieces; all the others read each piece."""
    env = world.env
    yield env.timeout(world.random.random() * FLUSH_INTERVAL)
    while True:
        began, left = env.now, world.plan.seen_per_flush
        while left > 0:
            yield from _flush(world, number, min(FLUSH_BATCH, left))
            left -= FLUSH_BATCH
        yield env.timeout(max(0.0, began + FLUSH_INTERVAL - env.now))


def _flush(world: World, number: int, devices: float) -> SimProcess:
    times, process = world.times, world.processes[number]
    yield process.write_alone(
        server=devices * times.seen_server, database=devices * times.seen_database
    )
    for other in world.processes:
        if other is not process:
            world.env.process(_receive_last_seen(world, other, devices))


def _receive_last_seen(
    world: World, other: ServerProcess, devices: float
) -> SimProcess:
    yield from world.database.cores.work(devices * world.times.seen_notice_database)
    yield from other.core.work(devices * world.times.seen_notice_server)


def record_deliveries(world: World, number: int) -> SimProcess:
    """Note that answers were written: a round for all of the last moment."""
    while True:
        yield world.env.timeout(RECORD_INTERVAL)
        if world.unrecorded_deliveries[number]:
            # What it costs for each is a part of the hand-out.
            world.unrecorded_deliveries[number] = 0
            world.processes[number].write()


def simulate_idle_load(world: World) -> SimProcess:
    """What each server does every second without being asked."""
    while True:
        yield world.env.timeout(1.0)
        for process in world.processes:
            process.core.book(world.times.idle_server)
            world.database.cores.book(world.times.idle_database)
