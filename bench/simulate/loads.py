"""How busy everything is, by arithmetic alone: rates times what each thing costs."""

import attrs

from bench.simulate.plan import FLUSH_EVERY, Plan
from bench.simulate.times import Cost, Step, Times


@attrs.frozen(kw_only=True)
class Loads:
    """Cores that are busy: of each process (it has one), and of the database."""

    polls: float
    commands: float
    presence: float
    database_commands: float
    database_presence: float

    @property
    def process(self) -> float:
        """The share of its core with which a process is busy."""
        return self.polls + self.commands + self.presence

    @property
    def database(self) -> float:
        """The cores with which the database is busy."""
        return self.database_commands + self.database_presence


def loads(plan: Plan, times: Times, *, sharing: float = 1.0) -> Loads:
    """
    Return the loads of *plan* where *sharing* commands share each round and message.

    With 1 that is the most: where more is done at a time, rounds are shared.
    """
    doors, others = plan.doors / plan.processes, plan.processes - 1
    told = (2 - _together(plan)) * doors / sharing if others else 0.0
    seen, cost = plan.seen / FLUSH_EVERY, command(plan, times, sharing=sharing)
    seen_server = times.seen_server + others * times.heard_server
    seen_database = times.seen_database + others * times.heard_database
    return Loads(
        polls=_poll(plan, times) * plan.polls / plan.processes + times.idle_server,
        commands=doors * cost.server
        + told * (times.tell_server + others * times.told_server),
        presence=seen * seen_server,
        database_commands=plan.doors * cost.database
        + plan.processes * told * times.tell_database,
        database_presence=plan.processes * (seen * seen_database + times.idle_database),
    )


def command(plan: Plan, times: Times, *, sharing: float = 1.0) -> Cost:
    """Return what a command costs that shares each of its rounds with so many."""
    first = [times.first(step) for step in Step]
    each = [times.each(step) for step in Step]
    # One for each step and one for the note that it was handed out.
    rounds = len(first) + 1 - _together(plan)
    # Who takes the request of a held poll is the poll.
    spared = times.each(Step.HAND_OUT).server / 2 if plan.held else 0.0
    return Cost(
        sum(cost.server for cost in each)
        - spared
        + (sum(cost.server for cost in first) + rounds * times.round_server) / sharing,
        sum(cost.database for cost in each)
        + (sum(cost.database for cost in first) + rounds * times.round_database)
        / sharing,
    )


def _poll(plan: Plan, times: Times) -> float:
    """Return what a poll of a device with nothing to do costs its server."""
    held = times.hold_server + times.unhold_server
    return held if plan.held else times.poll_server


def _together(plan: Plan) -> float:
    """Return the share of commands that the commit of their enqueue hands out."""
    return 1 / plan.processes if plan.held else 0.0
