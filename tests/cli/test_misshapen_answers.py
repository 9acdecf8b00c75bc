"""What the command line makes of a server whose answers are not those of the API."""

import json
import random
from collections.abc import Iterator
from functools import partial
from pathlib import Path
from typing import Any

import pytest

from pushserver.cli import (
    COMMANDS,
    audit,
    build_app,
    command_waiting,
    following,
    main,
    operations,
    watching,
)
from pushserver.client import backoff, waiting
from tests.cli.misshapen import (
    MISSING,
    MisshapenServer,
    misshapen_server,
    paths_in,
    replaced,
    with_leaves,
)
from tests.each_case import each_case

#: Commands that call no API of a server.
OFFLINE = {
    *("serve", "settings", "backup", "restore", "migrate", "migrate-store"),
    *("simulate", "completion"),
}
STEPS = [{"endpoint": "reboot"}]
UPGRADE = {"targetVersion": "1", "phases": {"install": STEPS}}
#: A line for each command that reads answers, and for each way in which it does.
LINES = """
enqueue 5 reboot --adopt
enqueue 5 reboot --adopt --wait 0.05
enqueue --to all reboot --dry-run
enqueue --to all reboot --yes --wait 0.05
commands list
commands show 1
commands retry 1
commands cancel 1
commands cancel --device 5 --yes
commands release 1
commands release --all --yes
commands result 1
commands watch
results
results --all
results --follow
operations begin 5 --steps {steps} --wait 0.05
operations list
operations show 1
operations cancel 1
tasks make --steps {steps} --all --dry-run
tasks make --steps {steps} --all --follow
tasks list
tasks show 1
tasks devices 1
tasks follow 1
tasks pause 1
tasks resume 1
tasks cancel 1 --yes
tasks retry 1
upgrades make --file {upgrade} --all --follow
upgrades list
upgrades show 1
upgrades devices 1
upgrades follow 1
upgrades pause 1
upgrades resume 1
upgrades cancel 1 --yes
upgrades retry 1
shadow show 5
shadow set 5 general.language=x
shadow set --all general.language=x --follow
shadow refresh 5
subscriptions list
subscriptions make https://e.com --event command.status
subscriptions show 1
subscriptions change 1 --any-tag
subscriptions ping 1
subscriptions disable 1
subscriptions enable 1
subscriptions rotate 1
subscriptions delete 1 --yes
subscriptions deliveries 1
subscriptions redeliver 1 2
subscriptions recover 1 --since 2026-11-20T13:00:00Z
events
events --follow
devices list
devices watch
devices show 5
devices add 5 --name x
devices set 5 --tag floor=2 --untag site
devices adopt 5
devices key 5
devices keys --all
devices remove 5 --yes
devices import {devices}
devices export -
tokens list
tokens create x --permission admin
tokens revoke 1 --yes
scopes list
scopes create x
scopes delete 1 --yes
audit
audit --follow
purge 30d --yes
doctor
stats
openapi
""".strip().splitlines()
#: What may stand where something else is meant.
WRONG: list[Any] = [
    *(MISSING, None, True, 7, -5, 10**25, 1e300, "x", "\ud800\x1b"),
    *([], {}, [{}], [[1]], {"a": [1]}, "2026-11-20T13:00:00Z", "9999-99-99T99:99:99Z"),
]


@pytest.fixture(name="misshapen", scope="module")
def _misshapen() -> Iterator[MisshapenServer]:
    with misshapen_server() as server:
        yield server


@pytest.fixture(autouse=True)
def _hasty(monkeypatch: pytest.MonkeyPatch) -> None:
    """Nobody waits between two calls."""
    for module in (audit, command_waiting, following, operations, waiting):
        monkeypatch.setattr(module, "POLL_INTERVAL", 0)
    monkeypatch.setattr(watching, "READ_INTERVAL", 0)
    monkeypatch.setattr(backoff, "INITIAL_BACKOFF", 0)
    monkeypatch.setattr(backoff, "MAX_BACKOFF", 0)


@pytest.fixture(name="files")
def _files(tmp_path: Path) -> dict[str, str]:
    """The files that lines name."""
    texts = {
        "steps": json.dumps(STEPS),
        "upgrade": json.dumps(UPGRADE),
        "devices": '{"deviceId": "5"}\n',
    }
    for name, text in texts.items():
        (tmp_path / name).write_text(text)
    return {name: str(tmp_path / name) for name in texts}


def test_every_command() -> None:
    """
    Each command that calls the API has a line here.
    """
    app = build_app()
    names = {line.partition(" ")[0] for line in LINES}
    assert {*COMMANDS} == names | OFFLINE
    for name in sorted(names):
        commands = {each for each in app[name] if not each.startswith("-")}
        lines = [line.split() for line in LINES if line.split()[0] == name]
        tried = {word for words in lines for word in words[1:2]}
        assert commands <= tried, name


def run(
    server: MisshapenServer,
    line: str,
    files: dict[str, str],
    capsys: pytest.CaptureFixture[str],
    *options: str,
) -> None:
    """Run a line; whatever comes, it ends as it should."""
    server.answered = 0
    first, *words = line.format(**files).split()
    code = main([first, "--server", server.url, *options, *words], {})
    out, err = capsys.readouterr()
    assert code == 0 or (code == 1 and (out or err))
    assert "Traceback" not in err


@each_case("line", LINES)
def test_all_wrong(
    misshapen: MisshapenServer,
    files: dict[str, str],
    capsys: pytest.CaptureFixture[str],
    line: str,
) -> None:
    """
    Where nothing is of the right type, each command prints it, or says so in a line.
    """
    misshapen.change = partial(with_leaves, new=[[1]])

    run(misshapen, line, files, capsys)


@pytest.mark.proof
@pytest.mark.parametrize("line", LINES)
def test_one_wrong(
    misshapen: MisshapenServer,
    files: dict[str, str],
    capsys: pytest.CaptureFixture[str],
    line: str,
) -> None:
    """
    Nor does one value that is of a wrong type, or not there, end any in a traceback.
    """
    seen: set[tuple[str | int, ...]] = set()

    def note(value: Any) -> Any:
        seen.update(paths_in(value))
        return value

    misshapen.change = note
    run(misshapen, line, files, capsys)
    paths = sorted(seen, key=str) or [()]
    chosen = random.Random(line)  # noqa: S311 - which cases
    for _ in range(60):
        path, new = chosen.choice(paths), chosen.choice(WRONG)
        misshapen.change = partial(replaced, path=path, new=new)
        run(misshapen, line, files, capsys, *chosen.choice([(), ("--json",)]))
