"""`stats` against a real server."""

from tests.cli.conftest import PollOnce, Run, RunInTerminal


def test_at_a_glance(run: Run, poll_once: PollOnce, device_id: str) -> None:
    """
    One object has devices, commands, rows and latencies; without --json all of it is
    there in lines.
    """
    run("enqueue", device_id, "system_information", "--adopt")
    poll_once()

    found = run("stats", "--json").only
    lines = run("stats").out.splitlines()

    assert found["devices"]["online"] >= 1
    assert {"PENDING", "SENT", "DELIVERED"} == found["commands"].keys()
    kinds = [each["kind"] for each in found["database"]["rows"]]
    assert ["command", "delivery", "result"] == kinds[:3]
    assert {"hour", "day"} == found["latencies"].keys()
    assert all("points" not in each for each in found["latencies"]["day"])
    names = [line.split("\t")[0] for line in lines]
    assert names.index("devices") < names.index("commit") < names.index("command")


def test_in_a_terminal(run_in_terminal: RunInTerminal) -> None:
    """In a terminal there are words and two tables, and no JSON."""
    shown = run_in_terminal("stats", columns=100).out

    assert "{" not in shown
    assert "enqueueToDevice" in shown
    assert "MB" in shown
