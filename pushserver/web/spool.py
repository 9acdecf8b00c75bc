"""Bytes that are kept in memory while they are few, and else in a file."""

import asyncio
import tempfile
from collections.abc import Callable
from io import BytesIO
from pathlib import Path
from typing import IO

import attrs

#: More bytes than these go to a file.
MAX_IN_MEMORY = 1024 * 1024
#: Up to so many take no shared memory: connections are bounded, too.
FREE_BYTES = 65_536
#: Pieces with fewer are put together, up to so many: each takes 40 for itself.
_SMALL_PIECE, _JOINED_PIECE = 1024, 4096
#: So many are written at once, on a thread.
_PIECE_SIZE = 256 * 1024


@attrs.define(eq=False, repr=False)
class SpoolMemory:
    """Memory that spools share: what is beyond `limit` bytes goes to their files."""

    limit: int
    taken: int = attrs.field(default=0, init=False)

    def take(self, size: int) -> bool:
        """Take *size* bytes, or give back as many if it is negative; tell if it did."""
        if size > 0 and self.taken + size > self.limit:
            return False
        self.taken += size
        return True


@attrs.define(eq=False, repr=False)
class Spool:
    """
    Bytes as they arrive.

    The file is in `folder`, private, and has no name: it is gone with the process. So
    many bytes were read as `position` says.
    """

    folder: Path | None
    memory: SpoolMemory
    size: int = attrs.field(default=0, init=False)
    position: int = attrs.field(default=0, init=False)
    _pieces: list[bytes | bytearray | memoryview] = attrs.field(
        factory=list, init=False
    )
    _pending: int = attrs.field(default=0, init=False)
    _held: int = attrs.field(default=0, init=False)
    _file: IO[bytes] | None = attrs.field(default=None, init=False)
    _memory: BytesIO | None = attrs.field(default=None, init=False)

    @property
    def is_file(self) -> bool:
        """Tell whether the bytes are in a file."""
        return self._file is not None

    async def write(self, data: bytes | memoryview) -> None:
        """
        Add bytes.

        Raises:
            OSError: the disk takes no more.
        """
        self._add(data)
        self.size += len(data)
        self._pending += len(data)
        enough = _PIECE_SIZE if self.is_file else MAX_IN_MEMORY
        if self._pending > enough or not self._hold(self._pending):
            await asyncio.to_thread(self._write_pending)
            self._hold(0)

    async def take(self) -> bytes:
        """
        Return all bytes, once.

        Raises:
            OSError: the disk takes no more, or does not return them.
        """
        if self.is_file:
            return await asyncio.to_thread(self._read)
        if self._memory is not None:
            return self._memory.getvalue()
        pieces, self._pieces = self._pieces, []
        return bytes(pieces[0]) if len(pieces) == 1 else b"".join(pieces)

    async def feed(self, consume: Callable[[bytes], object]) -> None:
        """
        Have *consume* take all bytes, on a thread, piece by piece.

        Raises:
            OSError: the disk takes no more, or does not return them.
        """
        await self.rewind()
        while piece := await self.read(MAX_IN_MEMORY):
            await asyncio.to_thread(consume, piece)

    async def rewind(self) -> None:
        """
        Let what is there be read from its start; nothing is written after that.

        Raises:
            OSError: the disk takes no more.
        """
        if self.is_file:
            await self._rewind_apart()
            return
        if self._memory is None:
            self._memory, self._pieces = BytesIO(b"".join(self._pieces)), []
        self._memory.seek(0)

    async def read(self, size: int) -> bytes:
        """Return the next bytes: *size*, fewer at the end alone."""
        if self._file is not None:
            piece: bytes = await asyncio.to_thread(self._file.read, size)
        else:
            assert self._memory is not None  # noqa: S101 - it was rewound
            piece = self._memory.read(size)
        self.position += len(piece)
        return piece

    async def descriptor(self) -> int:
        """
        Return the descriptor of the file, in which all bytes are then.

        Raises:
            OSError: the disk takes no more.
        """
        return (await self._rewind_apart()).fileno()

    async def read_at(self, position: int, size: int) -> bytes:
        """Return *size* bytes of the file from *position* on."""
        return await asyncio.to_thread(self._read_at, position, size)

    def close(self) -> None:
        """Drop what is still there."""
        self._hold(0)
        if self._file is not None:
            self._file.close()

    def _add(self, data: bytes | memoryview) -> None:
        """Add a piece; a small one to the last, or to be added to."""
        last = self._pieces[-1] if self._pieces else None
        is_small = len(data) < _SMALL_PIECE
        if is_small and isinstance(last, bytearray) and len(last) < _JOINED_PIECE:
            last += data
        else:
            self._pieces.append(bytearray(data) if is_small else data)

    def _hold(self, size: int) -> bool:
        """Hold *size* bytes of the shared memory from now on; tell if there are."""
        if self.size <= FREE_BYTES:
            size = 0
        has_room = self.memory.take(size - self._held)
        if has_room:
            self._held = size
        return has_room

    async def _rewind_apart(self) -> IO[bytes]:
        file = await asyncio.to_thread(self._rewind)
        self._hold(0)
        return file

    def _write_pending(self) -> None:
        pieces, self._pieces, self._pending = self._pieces, [], 0
        if self._file is None:
            self._file = tempfile.TemporaryFile(  # noqa: SIM115 - `close` closes it
                dir=self.folder, buffering=0
            )
        for piece in pieces:
            view = memoryview(piece)
            while view:
                view = view[self._file.write(view) :]

    def _rewind(self) -> IO[bytes]:
        self._write_pending()
        assert self._file is not None  # noqa: S101 - what is written has a file
        self._file.seek(0)
        return self._file

    def _read(self) -> bytes:
        return self._rewind().read()

    def _read_at(self, position: int, size: int) -> bytes:
        assert self._file is not None  # noqa: S101 - what has a position has a file
        self._file.seek(position)
        return self._file.read(size)


@attrs.define(eq=False, repr=False)
class SpoolPart:
    """The `size` bytes in a spool's file from `start` on."""

    spool: Spool
    start: int
    size: int
    _position: int = attrs.field(default=0, init=False)

    async def rewind(self) -> None:
        """Go back to the first byte."""
        self._position = 0

    async def read(self, size: int) -> bytes:
        """Return the next bytes: *size*, fewer at the end alone."""
        size = min(size, self.size - self._position)
        piece = await self.spool.read_at(self.start + self._position, size)
        self._position += len(piece)
        return piece
