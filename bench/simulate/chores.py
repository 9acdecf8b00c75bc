"""What servers do by themselves, all the time."""

from bench.simulate.plan import FLUSH_EVERY
from bench.simulate.queues import Steps
from bench.simulate.servers import Process
from bench.simulate.world import World

#: Devices in one statement of who was seen.
FLUSH = 500
#: Seconds from one look to the next for answers whose writing is to be noted.
NOTE_EVERY = 0.1


def flushing(world: World, number: int) -> Steps:
    """Write who was seen, in pieces; all the others read each piece."""
    env = world.env
    yield env.timeout(world.random.random() * FLUSH_EVERY)
    while True:
        began, left = env.now, world.plan.seen
        while left > 0:
            yield from _flush(world, number, min(FLUSH, left))
            left -= FLUSH
        yield env.timeout(max(0.0, began + FLUSH_EVERY - env.now))


def _flush(world: World, number: int, devices: float) -> Steps:
    times, process = world.times, world.processes[number]
    yield process.write_alone(
        server=devices * times.seen_server, database=devices * times.seen_database
    )
    for other in world.processes:
        if other is not process:
            world.env.process(_hear(world, other, devices))


def _hear(world: World, other: Process, devices: float) -> Steps:
    yield from world.database.cores.work(devices * world.times.heard_database)
    yield from other.core.work(devices * world.times.heard_server)


def noting(world: World, number: int) -> Steps:
    """Note that answers were written: a round for all of the last moment."""
    while True:
        yield world.env.timeout(NOTE_EVERY)
        if world.unnoted[number]:
            # What it costs for each is a part of the hand-out.
            world.unnoted[number] = 0
            world.processes[number].write()


def idling(world: World) -> Steps:
    """What each server does every second without being asked."""
    while True:
        yield world.env.timeout(1.0)
        for process in world.processes:
            process.core.take(world.times.idle_server)
            world.database.cores.take(world.times.idle_database)
