"""Commands: a program's, whose device opens a door by it, and those of a task."""

import simpy

from bench.simulate.queues import Steps
from bench.simulate.times import Step
from bench.simulate.world import World

#: Operations that a task begins at a time, such batches in a row, and the share of its
#: time that the leader gives to tasks.
BATCH, TURN, SHARE = 100, 10, 0.2
#: Seconds from one look of the leader to the next, at least.
LOOK = 0.01


def ordering(world: World) -> Steps:
    """Programs order one thing after the other, each for itself."""
    while True:
        yield world.next(world.plan.doors)
        world.env.process(_door(world))


def _door(world: World) -> Steps:
    """A program enqueues a command at some process; in the end its device has it."""
    began, counted = world.env.now, world.is_counted
    home, there = world.any_number(), world.any_number()
    process, cost = world.processes[home], world.times.each(Step.ENQUEUE)
    yield from process.core.work(cost.server / 2)
    if world.plan.held and home == there:
        # The commit of the enqueue hands it out, too.
        yield process.write(Step.ENQUEUE, Step.HAND_OUT)
        world.env.process(process.core.work(cost.server / 2))
    else:
        yield process.write(Step.ENQUEUE)
        heard = world.desks[home].tell(world.desks[there])
        world.env.process(process.core.work(cost.server / 2))
        yield from _hand_out(world, there, heard if home != there else None)
    yield from _give(world, there)
    if counted:
        world.doors.append(world.env.now - began)
    yield from _answer(world, there)


def _hand_out(world: World, there: int, heard: simpy.Event | None) -> Steps:
    """Wait until the device polls, or for its held poll to be woken; hand it out."""
    process, cost = world.processes[there], world.times.each(Step.HAND_OUT)
    if not world.plan.held:
        yield world.env.timeout(world.random.random() * world.plan.period)
        yield from process.core.work(cost.server / 2)
    elif heard is not None:
        yield heard
    yield process.write(Step.HAND_OUT)


def _give(world: World, there: int) -> Steps:
    cost = world.times.each(Step.HAND_OUT)
    yield from world.processes[there].core.work(cost.server / 2)
    world.unnoted[there] += 1


def _answer(world: World, there: int) -> Steps:
    """The device posts its result, over the connection by which it polled."""
    process, cost = world.processes[there], world.times.each(Step.RESULT)
    yield from process.core.work(cost.server / 2)
    yield process.write(Step.RESULT)
    world.desks[there].tell()
    yield from process.core.work(cost.server / 2)


class Task:
    """A task over all devices: its leader begins operations as others end."""

    def __init__(self, world: World) -> None:
        self._world = world
        self._running = 0

    def run(self) -> Steps:
        """Begin what there is room for, then leave the others their time."""
        env, plan = self._world.env, self._world.plan
        while True:
            began = env.now
            room = min(plan.concurrency - self._running, BATCH * TURN)
            while room > 0:
                yield from self._begin(min(BATCH, room))
                room -= BATCH
            took = env.now - began
            yield env.timeout(max(took * (1 / SHARE - 1), LOOK))

    def _begin(self, count: int) -> Steps:
        world, cost = self._world, self._world.times.each(Step.ENQUEUE)
        leader = world.processes[0]
        self._running += count
        yield from leader.core.work(count * cost.server)
        yield world.env.all_of([leader.write(Step.ENQUEUE) for _ in range(count)])
        for _ in range(count):
            world.env.process(self._operation())

    def _operation(self) -> Steps:
        world, there = self._world, self._world.any_number()
        heard = world.desks[0].tell(world.desks[there]) if there else None
        yield from _hand_out(world, there, heard)
        yield from _give(world, there)
        yield from _answer(world, there)
        self._running -= 1
        world.of_task += world.is_counted
