"""Ctrl-C ends every command with 130, and nothing is printed of it."""

import os
import subprocess
import sys
from pathlib import Path

import pytest

#: Runs the program, and interrupts it at the n-th call of a function.
PROGRAM = """
import os, signal, sys

remaining = int(sys.argv.pop(1))

def count(frame, event, argument):
    global remaining
    if event == "call":
        remaining -= 1
        if remaining == 0:
            os.kill(os.getpid(), signal.SIGINT)

from pushserver.__main__ import main

sys.argv[0] = "pushserver"
sys.setprofile(count)
code = main()
sys.setprofile(None)
print("calls", {calls} - remaining, file=sys.stderr)
sys.exit(code)
"""
#: More calls than any run makes.
NEVER = 10**9
#: Where nobody answers: a port that is reserved.
NOWHERE = "http://127.0.0.1:1"
COMMANDS = [
    ["--help"],
    ["settings"],
    ["enqueue", "5", "reboot", "--wait"],
    ["results", "--follow"],
    ["doctor"],
    ["serve"],
]
#: How many calls those make that do not end by themselves, before they wait.
CALLS = {"results": 30_000, "serve": 300_000}


def run(argv: list[str], call: int) -> subprocess.CompletedProcess[str]:
    """Run a command, interrupted at a call."""
    program = PROGRAM.replace("{calls}", str(NEVER))
    # What runs in the background of a script ignores SIGINT.
    restore = "import signal; signal.signal(signal.SIGINT, signal.default_int_handler)"
    return subprocess.run(  # noqa: S603 - our own program
        [sys.executable, "-c", f"{restore}\n{program}", str(call), *argv],
        cwd=Path(__file__).parents[2],
        env={
            **{k: v for k, v in os.environ.items() if "COVERAGE" not in k},
            "PUSHSERVER_SERVER": NOWHERE,
            "PUSHSERVER_PORT": "0",
            # It is not created: a file that is no database is refused.
            "PUSHSERVER_DATABASE": "sqlite:////dev/null",
        },
        capture_output=True,
        text=True,
        check=False,
        timeout=60,
    )


def count_calls(argv: list[str]) -> int:
    """Return how many calls a whole run makes."""
    if argv[0] in CALLS:
        return CALLS[argv[0]]
    return int(run(argv, NEVER).stderr.split()[-1])


def assert_interrupted_well(argv: list[str], instants: int) -> None:
    """Interrupt a command at so many instants, evenly from the first to the last."""
    calls = count_calls(argv)
    for nth in range(instants):
        ran = run(argv, 1 + nth * (calls - 1) // instants)

        assert 130 == ran.returncode, (nth, ran.stderr)
        assert "Traceback" not in ran.stderr
        assert "Interrupt" not in ran.stderr


@pytest.mark.parametrize("argv", COMMANDS, ids=lambda argv: argv[0])
def test_at_some_instants(argv: list[str]) -> None:
    """
    A command that is interrupted ends with 130 and says nothing of it, whatever it is
    at: its imports, its work, its end.
    """
    assert_interrupted_well(argv, 3)


@pytest.mark.proof
@pytest.mark.parametrize("argv", COMMANDS, ids=lambda argv: argv[0])
def test_at_many_instants(argv: list[str]) -> None:
    """
    So it does at any of many instants.
    """
    assert_interrupted_well(argv, 200)


def test_first_of_all() -> None:
    """
    What catches Ctrl-C loads no module that the interpreter has not loaded already:
    an interrupt amid its imports would print a traceback.
    """
    ran = subprocess.run(
        [
            sys.executable,
            "-c",
            "import sys; there = set(sys.modules); import pushserver.interrupts\n"
            "print(sorted(set(sys.modules) - there))",
        ],
        cwd=Path(__file__).parents[2],
        capture_output=True,
        text=True,
        check=True,
    )

    assert "['pushserver', 'pushserver.interrupts']\n" == ran.stdout


def test_in_the_background() -> None:
    """
    Where SIGINT was ignored from the start, as in the background of a script, it stays
    so.
    """
    ran = subprocess.run(
        [
            sys.executable,
            "-c",
            "import os, signal; signal.signal(signal.SIGINT, signal.SIG_IGN)\n"
            "from pushserver.__main__ import main\n"
            "import pushserver.cli\n"
            "pushserver.cli.main = lambda: os.kill(os.getpid(), signal.SIGINT) or 7\n"
            "raise SystemExit(main())",
        ],
        cwd=Path(__file__).parents[2],
        check=False,
    )

    assert 7 == ran.returncode
