"""How busy everything is, by arithmetic alone: rates times what each thing costs."""

import attrs

from bench.simulate.plan import FLUSH_INTERVAL, SimulationPlan
from bench.simulate.times import CommandPhase, Cost, ServiceTimes


@attrs.frozen(kw_only=True)
class Loads:
    """Cores that are busy: of each process (it has one), and of the database."""

    polls: float
    commands: float
    last_seen: float
    database_commands: float
    database_last_seen: float

    @property
    def process(self) -> float:
        """The share of its core with which a process is busy."""
        return self.polls + self.commands + self.last_seen

    @property
    def database(self) -> float:
        """The cores with which the database is busy."""
        return self.database_commands + self.database_last_seen


def compute_loads(
    plan: SimulationPlan, times: ServiceTimes, *, sharing: float = 1.0
) -> Loads:
    """
    Return the loads of *plan* where *sharing* commands share each round and message.

    With 1 that is the most: where more is done at a time, rounds are shared.
    """
    doors, others = plan.commands_per_second / plan.processes, plan.processes - 1
    notices = (2 - _immediate_share(plan)) * doors / sharing if others else 0.0
    seen, cost = (
        plan.seen_per_flush / FLUSH_INTERVAL,
        command_cost(plan, times, sharing=sharing),
    )
    seen_server = times.seen_server + others * times.seen_notice_server
    seen_database = times.seen_database + others * times.seen_notice_database
    return Loads(
        polls=_poll_cost(plan, times) * plan.polls_per_second / plan.processes
        + times.idle_server,
        commands=doors * cost.server
        + notices * (times.publish_server + others * times.notice_server),
        last_seen=seen * seen_server,
        database_commands=plan.commands_per_second * cost.database
        + plan.processes * notices * times.publish_database,
        database_last_seen=plan.processes
        * (seen * seen_database + times.idle_database),
    )


def command_cost(
    plan: SimulationPlan, times: ServiceTimes, *, sharing: float = 1.0
) -> Cost:
    """Return what a command costs that shares each of its rounds with so many."""
    first = [times.first_cost(step) for step in CommandPhase]
    each = [times.step_cost(step) for step in CommandPhase]
    # One for each step and one for the note that it was handed out.
    rounds = len(first) + 1 - _immediate_share(plan)
    # Who takes the request of a held poll is the poll.
    spared = (
        times.step_cost(CommandPhase.HAND_OUT).server / 2 if plan.holds_polls else 0.0
    )
    return Cost(
        sum(cost.server for cost in each)
        - spared
        + (sum(cost.server for cost in first) + rounds * times.round_server) / sharing,
        sum(cost.database for cost in each)
        + (sum(cost.database for cost in first) + rounds * times.round_database)
        / sharing,
    )


def _poll_cost(plan: SimulationPlan, times: ServiceTimes) -> float:
    """Return what a poll of a device with nothing to do costs its server."""
    held = times.hold_server + times.unhold_server
    return held if plan.holds_polls else times.poll_server


def _immediate_share(plan: SimulationPlan) -> float:
    """Return the share of commands that the commit of their enqueue hands out."""
    return 1 / plan.processes if plan.holds_polls else 0.0
