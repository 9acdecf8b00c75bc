"""A device that answers whatever it is given, in a thread of its own."""

import threading
from types import TracebackType
from typing import Self
from urllib.request import Request, urlopen

import attrs

DEVICE = "478435"
#: As the examples of the API's description have it: the version after an upgrade.
_RESULT = b'{"response": {"version": "5.15.2"}}'
#: Seconds of a poll; the server holds it until there is a command.
_POLL_TIMEOUT = 60


@attrs.define
class AnsweringDevice:
    """It polls during a `with` block."""

    url: str
    _stopping: threading.Event = attrs.Factory(threading.Event)
    _thread: threading.Thread | None = None

    def __enter__(self) -> Self:
        """Begin to poll."""
        self._thread = threading.Thread(target=self._run, daemon=True)
        self._thread.start()
        return self

    def __exit__(
        self,
        kind: type[BaseException] | None,
        error: BaseException | None,
        traceback: TracebackType | None,
    ) -> None:
        """Finish the poll under way."""
        self._stopping.set()
        assert self._thread is not None
        self._thread.join(_POLL_TIMEOUT)

    def _run(self) -> None:
        number = 0
        while not self._stopping.is_set():
            number += 1
            query = f"deviceId={DEVICE}&uuid=u{number}"
            if self._send(f"/push?{query}"):
                self._send(f"/result?{query}", _RESULT)

    def _send(self, path: str, body: bytes | None = None) -> bytes:
        headers = {"Content-Type": "application/json"}
        request = Request(self.url + path, body, headers)  # noqa: S310 - our own
        with urlopen(request, timeout=_POLL_TIMEOUT) as answer:  # noqa: S310
            content: bytes = answer.read()
            return content
