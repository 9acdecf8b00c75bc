"""The rows of the table: each measures one promise of speed."""

import shutil
import statistics
from collections.abc import Callable, Mapping, Sequence
from pathlib import Path
from types import MappingProxyType

from bench import measure, postgres, prefill, webhooks, wire
from bench.machine import LOAD_CORES, on, resident_bytes
from bench.many import Saw, make_task
from bench.measure import Ratio, load, say
from bench.row import DEVICES, FINISHED, FLEET, Bench, Line, at_least
from bench.servers import Kind, Server, Setup, running
from bench.slowdisk import slow_sync

PENDING = 100_000
ORDERS_A_SECOND = 500
HELD_FOR_MEMORY = 5000
DEVICES_OF_TASK = 10_000
HOLD = 60
KIB = 1024


def idle(bench: Bench) -> Sequence[Line]:
    """Idle polls against the bare handler."""
    bare, setup = bench.setup(Kind.BARE), bench.setup(Kind.OURS)
    with running(bare) as theirs, running(setup) as ours:
        ours.adopt(DEVICES)
        ratio = bench.compare(ours, theirs, "idle")
    what = "idle polls/s, 64 kept-alive connections, 1,000 adopted devices"
    return [at_least(0.9, ratio, what=what, against=Kind.BARE)]


def _against_obvious(
    bench: Bench, preload: Path | None = None, hands: int = 64
) -> Ratio:
    obvious = bench.setup(Kind.OBVIOUS, preload=preload)
    setup = bench.setup(Kind.OURS, preload=preload)
    with running(obvious) as theirs, running(setup) as ours:
        ours.adopt(DEVICES)
        return bench.compare(ours, theirs, "cycles", hands=hands)


def cycles(bench: Bench) -> Sequence[Line]:
    """Full cycles, 64 at a time, against the obvious server."""
    ratio = _against_obvious(bench)
    what = "full cycles/s (enqueue, poll, result, each durable), 64 at a time"
    return [at_least(8, ratio, what=what, against=Kind.OBVIOUS)]


def commits(bench: Bench) -> Sequence[Line]:
    """Full cycles against the same server that keeps nothing."""
    nothing, setup = bench.setup(Kind.NO_COMMIT), bench.setup(Kind.OURS)
    with running(nothing) as theirs, running(setup) as ours:
        ours.adopt(DEVICES)
        theirs.adopt(DEVICES)
        ratio = bench.compare(ours, theirs, "cycles")
    against = "itself with the store's commits replaced by nothing"
    return [at_least(0.5, ratio, what="the same cycle", against=against)]


def alone(bench: Bench) -> Sequence[Line]:
    """One cycle at a time against the obvious server."""
    ratio = _against_obvious(bench, hands=1)
    what = "one cycle at a time, nobody else"
    return [at_least(0.9, ratio, what=what, against=Kind.OBVIOUS)]


def slow_disk(bench: Bench) -> Sequence[Line]:
    """Full cycles, 64 at a time, where each sync takes 2 ms more."""
    ratio = _against_obvious(bench, preload=slow_sync(bench.folder))
    what = "full cycles/s, 64 at a time, on a disk whose sync takes 2 ms more"
    return [at_least(20, ratio, what=what, against=Kind.OBVIOUS)]


def latency(bench: Bench) -> Sequence[Line]:
    """From an order to the held device that has it."""
    return [_latency(bench, 1000, 10.0), _latency(bench, 10_000, 15.0)]


def _latency(bench: Bench, polls: int, wanted: float) -> Line:
    rounds = [_one_latency(bench, polls) for _ in range(bench.effort.rounds)]
    p50, p99, after = (
        statistics.median(saw[name] for saw in rounds)
        for name in ("p50", "p99", "afterReplyP50")
    )
    return Line(
        what=f"enqueue sent until a held device has it, {ORDERS_A_SECOND}/s,"
        f" {polls:,} polls held, p99",
        wanted=f"≤ {wanted:g} ms",
        measured=f"{p99:.1f} ms (p50 {p50:.1f}, after the reply p50 {after:.1f})",
        met=p99 <= wanted,
    )


def _one_latency(bench: Bench, polls: int) -> Mapping[str, float]:
    # A new server each time: a device that hung up is not held as long again.
    with running(bench.setup(Kind.OURS, hold=HOLD)) as ours:
        ours.adopt(polls)
        saw = load(
            ours,
            "latency",
            polls=polls,
            rate=ORDERS_A_SECOND,
            warm=1,
            seconds=bench.effort.latency_seconds,
        )
    say(f"  {polls} held: " + ", ".join(f"{k} {v:.2f}" for k, v in saw.items()))
    return saw


def memory(bench: Bench) -> Sequence[Line]:
    """What a held poll holds."""
    each = statistics.median(_one_memory(bench) for _ in range(bench.effort.rounds))
    return [
        Line(
            what=f"memory for each held poll ({HELD_FOR_MEMORY:,} held)",
            wanted="≤ 16 KiB",
            measured=f"{each:.1f} KiB",
            met=each <= 16,  # noqa: PLR2004 - said two lines above
        )
    ]


def _one_memory(bench: Bench) -> float:
    with running(bench.setup(Kind.OURS, hold=HOLD)) as ours:
        ours.adopt(HELD_FOR_MEMORY)
        before = resident_bytes(ours.process_id)
        with measure.held(ours, HELD_FOR_MEMORY):
            grown = resident_bytes(ours.process_id) - before
    say(f"  {grown / HELD_FOR_MEMORY / KIB:.2f} KiB each")
    return grown / HELD_FOR_MEMORY / KIB


def task(bench: Bench) -> Sequence[Line]:
    """A task for many devices, and the orders for a door beside it."""
    rounds = [_one_task(bench) for _ in range(bench.effort.rounds)]
    seconds = statistics.median(saw.task for saw in rounds)
    slowest = statistics.median(saw.slowest for saw in rounds) * 1000
    alone = statistics.median(saw.alone for saw in rounds) * 1000
    return [
        Line(
            what=f"a task for {DEVICES_OF_TASK:,} devices is made",
            wanted="≤ 2 s",
            measured=f"{seconds:.2f} s",
            met=seconds <= 2,  # noqa: PLR2004 - said two lines above
        ),
        Line(
            what="the slowest enqueue to a door meanwhile, one at a time",
            wanted="≤ 100 ms",
            measured=f"{slowest:.0f} ms (p50 of others {alone:.1f})",
            met=slowest <= 100,  # noqa: PLR2004 - said two lines above
        ),
    ]


def _one_task(bench: Bench) -> Saw:
    with running(bench.setup(Kind.OURS)) as ours, on(LOAD_CORES):
        ours.adopt(DEVICES_OF_TASK + 1)
        saw = make_task(ours, DEVICES_OF_TASK)
    say(f"  {saw.task:.2f} s, a door waits {saw.slowest * 1000:.0f} ms at the most")
    return saw


def history(bench: Bench) -> Sequence[Line]:
    """Cycles and idle polls over a long past against over none."""
    step = FLEET // DEVICES
    empty, full = bench.setup(Kind.OURS, "empty"), _filled(bench, pending=0)
    with running(empty) as young, running(full) as old:
        young.adopt(DEVICES, step=step)
        cycle = bench.compare(old, young, "cycles", step=step)
        poll = bench.compare(old, young, "idle", step=step)
    over = f" over {FINISHED:,} finished commands and {FLEET:,} devices"
    return [
        at_least(
            0.9, cycle, what="full cycles/s, 64 at a time" + over, against="over none"
        ),
        at_least(0.9, poll, what="idle polls/s" + over, against="over none"),
    ]


def start(bench: Bench) -> Sequence[Line]:
    """How long a start takes over a long past and a long queue."""
    setup = _filled(bench, pending=PENDING)
    took = []
    for turn in range(bench.effort.rounds):
        with running(setup) as ours:
            took.append(ours.started_in)
            # Another device each time: what was handed out is in flight for a while.
            _prove_that_something_waits(ours, wire.FIRST_DEVICE + turn)
        say(f"  ready after {took[-1]:.2f} s")
    seconds = statistics.median(took)
    return [
        Line(
            what=f"start with {FINISHED:,} finished and {PENDING:,} pending commands",
            wanted="≤ 3 s",
            measured=f"{seconds:.2f} s",
            met=seconds <= 3,  # noqa: PLR2004 - said two lines above
        )
    ]


def _prove_that_something_waits(server: Server, device: int) -> None:
    _, said = server.call("GET", f"/push?deviceId={device}&uuid=u1")
    assert b"load_objects" in said, "a pending command was not handed out"


def _filled(bench: Bench, *, pending: int) -> Setup:
    """Make a database with a long past, or take the one that was made before."""
    kept = bench.folder / f"filled-{pending}.db"
    setup = bench.setup(Kind.OURS, "filled")
    if not kept.exists():
        say(f"  filling a database: {FINISHED:,} finished, {pending:,} pending")
        with running(setup):
            pass
        prefill.fill(setup.database, devices=FLEET, finished=FINISHED, pending=pending)
        shutil.copyfile(setup.database, kept)
    shutil.copyfile(kept, setup.database)
    return setup


#: In the order of the table.
ROWS: Mapping[str, Callable[[Bench], Sequence[Line]]] = MappingProxyType(
    {
        "idle": idle,
        "cycles": cycles,
        "commits": commits,
        "alone": alone,
        "slow-disk": slow_disk,
        "latency": latency,
        "memory": memory,
        "task": task,
        "history": history,
        "start": start,
        "subscribed": webhooks.subscribed,
        "webhooks": webhooks.webhooks,
        "postgres-idle": postgres.idle,
        "postgres-cycles": postgres.cycles,
        "postgres-workers": postgres.workers,
        "postgres-wake": postgres.wake,
        "postgres-history": postgres.history,
    }
)
