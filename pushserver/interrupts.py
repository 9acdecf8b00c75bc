"""Ctrl-C ends the program with 130 and without a traceback, at whatever instant.

It imports only what the interpreter has already: `signal` alone loads so much that an
impatient Ctrl-C falls into it, and nobody catches that.
"""

import os
import sys

# That of `typing`, which would load a dozen modules.
TYPE_CHECKING = False
if TYPE_CHECKING:
    import signal
    from types import FrameType, TracebackType
else:
    import _signal as signal

EXIT_INTERRUPTED = 130


def end_on_interrupt() -> None:
    """
    End the process at once when it is interrupted, as long as nothing is to be undone.

    Where SIGINT is ignored, as in the background of a script, it stays so.
    """
    if signal.getsignal(signal.SIGINT) is signal.SIG_IGN:
        return
    signal.signal(signal.SIGINT, _end_process)
    sys.excepthook = _end_if_interrupted
    sys.unraisablehook = _end_if_interrupt_was_lost


def raise_on_interrupt() -> None:
    """
    Raise KeyboardInterrupt from now on, if `end_on_interrupt` was there before.

    It is Python's own handler, in whose place an event loop cancels its task.
    """
    if signal.getsignal(signal.SIGINT) is _end_process:
        signal.signal(signal.SIGINT, signal.default_int_handler)


def _end_process(_number: int, _frame: "FrameType | None") -> None:
    os._exit(EXIT_INTERRUPTED)


def _end_if_interrupted(
    kind: type[BaseException], error: BaseException, trace: "TracebackType | None"
) -> None:
    """End for an interrupt that nobody caught; show any other error."""
    cause: BaseException | None = error
    # Making a class turns an interrupt into an error of another kind.
    while cause is not None:
        if isinstance(cause, KeyboardInterrupt):
            os._exit(EXIT_INTERRUPTED)
        cause = cause.__cause__
    sys.__excepthook__(kind, error, trace)


def _end_if_interrupt_was_lost(unraisable: "sys.UnraisableHookArgs") -> None:
    """End for an interrupt amid what cannot raise, such as a destructor."""
    if issubclass(unraisable.exc_type, KeyboardInterrupt):
        os._exit(EXIT_INTERRUPTED)
    sys.__unraisablehook__(unraisable)
