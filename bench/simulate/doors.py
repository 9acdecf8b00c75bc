"""Commands: a program's, whose device opens a door by it, and those of a task."""

import simpy

from bench.simulate.queues import SimProcess
from bench.simulate.times import CommandPhase
from bench.simulate.world import World

#: Operations that a task begins at a time, such batches in a row, and the share of its
#: time that the leader gives to tasks.
BATCH, BATCHES_PER_TURN, LEADER_SHARE = 100, 10, 0.2
#: Seconds from one look of the leader to the next, at least.
MIN_PAUSE = 0.01


def enqueue_commands(world: World) -> SimProcess:
    """Programs order one thing after the other, each for itself."""
    while True:
        yield world.next_arrival(world.plan.commands_per_second)
        world.env.process(_simulate_command(world))


def _simulate_command(world: World) -> SimProcess:
    """A program enqueues a command at some process; in the end its device has it."""
    began, counted = world.env.now, world.is_counted
    home, there = world.random_process(), world.random_process()
    process, cost = world.processes[home], world.times.step_cost(CommandPhase.ENQUEUE)
    yield from process.core.work(cost.server / 2)
    if world.plan.holds_polls and home == there:
        # The commit of the enqueue hands it out, too.
        yield process.write(CommandPhase.ENQUEUE, CommandPhase.HAND_OUT)
        world.env.process(process.core.work(cost.server / 2))
    else:
        yield process.write(CommandPhase.ENQUEUE)
        received = world.members[home].publish(world.members[there])
        world.env.process(process.core.work(cost.server / 2))
        yield from _hand_out(world, there, received if home != there else None)
    yield from _deliver(world, there)
    if counted:
        world.door_seconds.append(world.env.now - began)
    yield from _post_result(world, there)


def _hand_out(world: World, there: int, received: simpy.Event | None) -> SimProcess:
    """Wait until the device polls, or for its held poll to be woken; hand it out."""
    process, cost = world.processes[there], world.times.step_cost(CommandPhase.HAND_OUT)
    if not world.plan.holds_polls:
        yield world.env.timeout(world.random.random() * world.plan.period)
        yield from process.core.work(cost.server / 2)
    elif received is not None:
        yield received
    yield process.write(CommandPhase.HAND_OUT)


def _deliver(world: World, there: int) -> SimProcess:
    cost = world.times.step_cost(CommandPhase.HAND_OUT)
    yield from world.processes[there].core.work(cost.server / 2)
    world.unrecorded_deliveries[there] += 1


def _post_result(world: World, there: int) -> SimProcess:
    """The device posts its result, over the connection by which it polled."""
    process, cost = world.processes[there], world.times.step_cost(CommandPhase.RESULT)
    yield from process.core.work(cost.server / 2)
    yield process.write(CommandPhase.RESULT)
    world.members[there].publish()
    yield from process.core.work(cost.server / 2)


class SimulatedTask:
    """A task over all devices: its leader begins operations as others end."""

    def __init__(self, world: World) -> None:
        self._world = world
        self._running = 0

    def run(self) -> SimProcess:
        """Begin what there is room for, then leave the others their time."""
        env, plan = self._world.env, self._world.plan
        while True:
            began = env.now
            room = min(plan.concurrency - self._running, BATCH * BATCHES_PER_TURN)
            while room > 0:
                yield from self._begin(min(BATCH, room))
                room -= BATCH
            took = env.now - began
            yield env.timeout(max(took * (1 / LEADER_SHARE - 1), MIN_PAUSE))

    def _begin(self, count: int) -> SimProcess:
        world, cost = self._world, self._world.times.step_cost(CommandPhase.ENQUEUE)
        leader = world.processes[0]
        self._running += count
        yield from leader.core.work(count * cost.server)
        yield world.env.all_of(
            [leader.write(CommandPhase.ENQUEUE) for _ in range(count)]
        )
        for _ in range(count):
            world.env.process(self._operation())

    def _operation(self) -> SimProcess:
        world, there = self._world, self._world.random_process()
        received = world.members[0].publish(world.members[there]) if there else None
        yield from _hand_out(world, there, received)
        yield from _deliver(world, there)
        yield from _post_result(world, there)
        self._running -= 1
        world.finished_operations += world.is_counted
