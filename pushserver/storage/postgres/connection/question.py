"""A question to the database whose answer the event loop waits for, without a thread.

A connection is used by its thread, or by one question at a time.
"""

import asyncio
import time
from collections.abc import Callable
from contextlib import suppress
from typing import Any

import attrs
import psycopg
from psycopg.adapt import Transformer
from psycopg.errors import error_from_result
from psycopg.pq import ConnStatus, ExecStatus
from psycopg.pq.abc import PGconn, PGresult

from pushserver.storage.postgres.connection.connection import Connection

#: Sends the question; a pipeline ends with its sync.
Send = Callable[[PGconn], None]

#: Seconds after which the socket is read though the event loop does not say that it can
#: be: uvloop says nothing of one that was reset.
_LOOK_AGAIN = 0.25
_ANSWERED = (ExecStatus.TUPLES_OK, ExecStatus.COMMAND_OK)


@attrs.define(eq=False)
class Question:
    """
    A question on its way; `future` gets the answers, or an error of psycopg's.

    In the midst of a pipeline the database sets a server that is gone no limit but
    that of the transaction: whoever sends one sets it.
    """

    connection: Connection
    future: "asyncio.Future[list[PGresult]]"
    is_pipeline: bool = False
    _loop: asyncio.AbstractEventLoop = attrs.field(init=False)
    _socket: int = attrs.field(init=False, default=-1)
    _answers: list[PGresult] = attrs.field(factory=list, init=False)
    _look: asyncio.TimerHandle | None = attrs.field(default=None, init=False)

    @_loop.default
    def _running_loop(self) -> asyncio.AbstractEventLoop:
        return asyncio.get_running_loop()

    def ask(self, send: Send) -> None:
        """Send it, as far as the network takes it now."""
        raw = self.connection.raw.pgconn
        self.connection.query_sent_at = time.monotonic()
        try:
            if self.is_pipeline:
                raw.enter_pipeline_mode()
            send(raw)
            self._socket = raw.socket
            self._loop.add_reader(self._socket, self._on_readable)
            if raw.flush():
                self._loop.add_writer(self._socket, self._on_writable)
            self._look = self._loop.call_later(_LOOK_AGAIN, self._look_again)
        except psycopg.Error as error:
            self._end(error)

    def give_up(self) -> None:
        """Wait no longer; the connection is of no more use."""
        if not self.future.done():
            self._end(psycopg.OperationalError("the connection was closed"))

    def _on_writable(self) -> None:
        try:
            if not self.connection.raw.pgconn.flush():
                self._loop.remove_writer(self._socket)
        except psycopg.Error as error:
            self._end(error)

    def _on_readable(self) -> None:
        raw = self.connection.raw.pgconn
        try:
            raw.consume_input()
            while not raw.is_busy():
                answer = raw.get_result()
                if answer is not None:
                    self._answers.append(answer)
                if self._is_last(answer):
                    self._end(self._find_error())
                    return
        except psycopg.Error as error:
            self._end(error)

    def _look_again(self) -> None:
        self._on_readable()
        if not self.future.done():
            self._look = self._loop.call_later(_LOOK_AGAIN, self._look_again)

    def _is_last(self, answer: PGresult | None) -> bool:
        if answer is not None:
            return answer.status == ExecStatus.PIPELINE_SYNC
        is_lost = self.connection.raw.pgconn.status == ConnStatus.BAD
        return is_lost or not self.is_pipeline

    def _find_error(self) -> psycopg.Error | None:
        """Return the first error among the answers; what followed it was not done."""
        for answer in self._answers:
            if answer.status == ExecStatus.FATAL_ERROR:
                return error_from_result(answer)
        if self.connection.raw.pgconn.status == ConnStatus.BAD:
            return psycopg.OperationalError("the connection was lost")
        return None

    def _end(self, error: psycopg.Error | None) -> None:
        connection = self.connection
        if self._look is not None:
            self._look.cancel()
        if self._socket != -1:
            self._loop.remove_reader(self._socket)
            self._loop.remove_writer(self._socket)
        if self.is_pipeline:
            with suppress(psycopg.Error):
                connection.raw.pgconn.exit_pipeline_mode()
        connection.query_sent_at, connection.last_answer_at = None, time.monotonic()
        if self.future.done():
            return
        if error is not None:
            self.future.set_exception(error)
        else:
            self.future.set_result([a for a in self._answers if a.status in _ANSWERED])


def read_rows(connection: Connection, answer: PGresult) -> list[tuple[Any, ...]]:
    """Return the rows of an answer, as psycopg's cursors do."""
    reader = Transformer(connection.raw)
    reader.set_pgresult(answer)
    return reader.load_rows(0, answer.ntuples, tuple)
