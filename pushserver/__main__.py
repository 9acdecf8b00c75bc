"""`pushserver`, and `python -m pushserver`: the program from its first instant."""

import sys

from pushserver.interrupts import end_on_interrupt

# The command line takes a while to load, and somebody may be impatient.
end_on_interrupt()


def main() -> int:
    """Run the command line; return the exit code."""
    from pushserver.cli import main as run  # noqa: PLC0415

    try:
        return run()
    finally:
        end_on_interrupt()


if __name__ == "__main__":
    sys.exit(main())
