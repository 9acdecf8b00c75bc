"""The row about a mixed day: what a whole installation asks of its server."""

from collections.abc import Mapping, Sequence

from bench.console import in_background, show_one_console
from bench.machine import LOAD_CORES, pinned_to
from bench.measure import print_progress, run_load
from bench.row import Bench, TableRow
from bench.servers import ServerKind, running
from bench.webhooks import receiving, subscribe

DEVICES, PERIOD_SECONDS = 10_000, 5
ORDERS_A_SECOND = 100


def mixed(bench: Bench) -> Sequence[TableRow]:
    """A mixed day: polls, orders, webhooks and a console at the same time."""
    with running(bench.setup(ServerKind.OURS)) as ours, receiving() as receiver:
        ours.import_devices(DEVICES)
        subscribe(ours, receiver)
        # The console's reader runs here, and must leave the server its core.
        with pinned_to(LOAD_CORES), in_background(show_one_console, ours):
            report = run_load(
                ours,
                "mixed",
                devices=DEVICES,
                rate=ORDERS_A_SECOND,
                seconds=bench.effort.mixed_seconds,
                process=ours.process_id,
            )
        webhooks = receiver.count()
    print_progress("  " + ", ".join(f"{k} {v:.3g}" for k, v in report.items()))
    print_progress(f"  {webhooks} webhooks")
    return [_row(report, bench.effort.mixed_seconds)]


def _row(report: Mapping[str, float], seconds: float) -> TableRow:
    return TableRow(
        what=f"{seconds:g} s of a mixed day: {DEVICES:,} devices poll every"
        f" {PERIOD_SECONDS} s, {ORDERS_A_SECOND} orders/s with results, a webhook"
        " subscription, a console open",
        measured=f"p99: poll {report['pollP99']:.1f} ms, order"
        f" {report['orderP99']:.1f} ms, order to device"
        f" {report['deviceP99'] / 1000:.2f} s",
        processor=f"{report['share']:.0%} of a core",
    )
