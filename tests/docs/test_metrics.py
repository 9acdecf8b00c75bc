"""docs/metrics.md, the alerts and the dashboard know the metrics that there are."""

import json
import re
import shutil
import subprocess
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest
import yaml

from pushserver.metrics.families import FAMILIES, Kind

ROOT = Path(__file__).parents[2]
PAGE = (ROOT / "docs/metrics.md").read_text("utf-8")
ALERTS = ROOT / "deploy/prometheus/alerts.yml"
DASHBOARD = ROOT / "deploy/grafana/dashboard.json"
_METRIC = re.compile(
    r"^\| `(?P<name>(?:pushserver|process)_\w+)` \| (?P<kind>\w+) \| (?P<labels>[^|]+)"
    r" \| (?P<text>[^|]+) \| (?P<teller>[^|]+) \|$",
    re.MULTILINE,
)
_ALERT = re.compile(r"^\| \[`(?P<name>\w+)`\]\([^)]*\) \| (?P<severity>\w+) \|", re.M)
_SECTION = re.compile(
    r"^### (Pushserver\w+)\n\n- You see: .+\n(?:  .+\n)*- It means: .+\n(?:  .+\n)*"
    r"- You do: .+\n(?:  .+\n)*$",
    re.MULTILINE,
)
_SELECTOR = re.compile(r"\b((?:pushserver|process)_\w+)(?:\{([^}]*)\})?")
_BY = re.compile(r"\bby \(([^)]*)\)")
#: What Prometheus adds to every number, and servers of several workers.
_ADDED = {"job", "instance", "worker", "le"}


def alerts() -> list[dict[str, Any]]:
    """Return the rules."""
    (group,) = yaml.safe_load(ALERTS.read_text("utf-8"))["groups"]
    rules: list[dict[str, Any]] = group["rules"]
    return rules


def expressions() -> Iterator[str]:
    """Yield every expression of the alerts and of the dashboard."""
    for rule in alerts():
        yield rule["expr"]
    for panel in json.loads(DASHBOARD.read_text("utf-8"))["panels"]:
        for target in panel.get("targets", ()):
            yield target["expr"]


def test_the_page_has_every_metric() -> None:
    """
    The table has each metric with its kind, its labels, its meaning, and who tells it.
    """
    listed = [
        (
            row["name"],
            row["kind"],
            tuple(re.findall(r"`(\w+)`", row["labels"])),
            row["teller"] == "the leader",
        )
        for row in _METRIC.finditer(PAGE)
    ]
    meanings = {row["name"]: row["text"] for row in _METRIC.finditer(PAGE)}

    assert [(f.name, f.kind, f.labels, f.is_leaders) for f in FAMILIES] == listed
    assert [] == [f.name for f in FAMILIES if not meanings[f.name].startswith(f.help)]


def test_the_page_has_every_alert() -> None:
    """
    The page says of each alert when it comes, and of no other.
    """
    rules = [(rule["alert"], rule["labels"]["severity"]) for rule in alerts()]

    assert rules == [(row["name"], row["severity"]) for row in _ALERT.finditer(PAGE)]


def test_what_to_do_at_each_alert() -> None:
    """
    Each alert names its section, which says what one sees, what that means, what to do.
    """
    operating = (ROOT / "docs/operating.md").read_text("utf-8")
    names = [rule["alert"] for rule in alerts()]

    assert names == _SECTION.findall(operating)
    assert [f"docs/operating.md#{name.lower()}" for name in names] == [
        rule["annotations"]["runbook_url"] for rule in alerts()
    ]


@pytest.mark.parametrize("expression", sorted(set(expressions())))
def test_what_is_asked_exists(expression: str) -> None:
    """
    Every metric and label in an alert or a panel is one that there is.
    """
    known = {name: set(f.labels) for f in FAMILIES for name in names_of(f.name, f.kind)}
    used: set[str] = set()
    for name, matchers in _SELECTOR.findall(expression):
        asked = {each.partition("=")[0].rstrip("!~") for each in split(matchers)}
        assert asked <= known[name] | _ADDED
        used |= known[name]
    grouped = {name for names in _BY.findall(expression) for name in split(names)}

    assert grouped <= used | _ADDED


def test_the_dashboard_shows_every_metric() -> None:
    """
    The dashboard leaves no metric out.
    """
    shown = {name for each in expressions() for name, _ in _SELECTOR.findall(each)}

    assert [] == [
        f.name for f in FAMILIES if shown.isdisjoint(names_of(f.name, f.kind))
    ]


def test_promtool_takes_the_rules() -> None:
    """
    Prometheus' own tool, where it is installed, finds nothing wrong with the alerts.
    """
    promtool = shutil.which("promtool")
    if promtool is None:
        pytest.skip("promtool is not installed")
    run = subprocess.run(  # noqa: S603 - it is our own file
        [promtool, "check", "rules", ALERTS], capture_output=True, check=False
    )

    assert 0 == run.returncode, run.stdout + run.stderr


def names_of(name: str, kind: Kind) -> set[str]:
    """Return the names of a metric's series."""
    if kind is Kind.HISTOGRAM:
        return {f"{name}_{part}" for part in ("bucket", "count", "sum")}
    return {name}


def split(text: str) -> list[str]:
    """Return the parts of a list with commas."""
    return [each.strip() for each in text.split(",") if each.strip()]
