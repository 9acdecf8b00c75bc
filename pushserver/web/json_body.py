"""JSON bodies of both program-facing APIs: read whole, decoded, and errors located."""

import codecs
import copyreg
from collections.abc import Callable, Collection, Iterator, Mapping
from contextlib import contextmanager
from functools import lru_cache
from typing import Any, TypeVar

import msgspec
from aiohttp import web

from pushserver.errors import (
    Busy,
    Invalid,
    Malformed,
    TooLarge,
    UnsupportedMediaType,
)
from pushserver.model.storable_text import storable_text
from pushserver.services.off_loop import (
    MAX_INLINE,
    MAX_QUICK,
    GaveUp,
    MachineBusy,
    begin_piece,
    is_quick,
    run_in_child,
    run_in_thread,
    run_off_loop,
)
from pushserver.web.body import (
    read_beginning,
    read_body,
    receive_body,
    refuse_unannounced,
)
from pushserver.web.body_framing import announces_no_length
from pushserver.web.connection import MAX_BEGINNING
from pushserver.web.field_errors import invalid_from_msgspec
from pushserver.web.single_header import single_header
from pushserver.web.spool import Spool

T = TypeVar("T")

JSON_MEDIA_TYPE = "application/json"
#: Half of the 4300 digits that whole numbers have at most in Python.
_DIGITS_BLOCK = 2150


def media_type_of(headers: Mapping[str, str]) -> str:
    """Return the media type of a body, without parameters; empty if it has none."""
    content_type = headers.get("Content-Type", "")
    if content_type == JSON_MEDIA_TYPE:
        return content_type
    return content_type.partition(";")[0].strip().lower()


async def read_whole_body(request: web.Request, limit: int) -> bytes:
    """
    Return the whole body, which may have *limit* bytes.

    Raises:
        BodyTimeout: it stalled.
        LengthRequired: there is one, but it was not announced.
        Malformed: the connection ended before the body did.
        TooLarge: the body is over the limit.
        Unavailable: there is no room for it, or the server stops before its end.
        UnsupportedMediaType: the body is compressed.
    """
    _refuse_unreadable(request)
    body = await read_body(request, limit=limit)
    if body.error is not None:
        raise body.error
    return body.content


async def spool_whole_body(request: web.Request, spool: Spool, limit: int) -> None:
    """
    Receive the whole body, which may have *limit* bytes, into *spool*.

    Raises:
        TooLarge, ...: what `read_whole_body` raises.
    """
    _refuse_unreadable(request)
    error = await receive_body(request, spool, limit)
    if error is not None:
        raise error


async def take_body(spool: Spool) -> bytes:
    """
    Return what was received into *spool*.

    Raises:
        Busy: the disk does not return it.
    """
    try:
        return await spool.take()
    except OSError:
        raise Busy("There is no room for the body. Try again.") from None


async def read_short_body(request: web.Request) -> bytes:
    """
    Return the body of a call that nobody has been let in for yet.

    Raises:
        TooLarge: it is longer than any such body.

    And whatever `read_whole_body` raises.
    """
    _refuse_unreadable(request)
    body = await read_beginning(request)
    if body.is_cut:
        raise TooLarge(f"This body may have at most {MAX_BEGINNING} bytes.")
    if body.error is not None:
        raise body.error
    return body.content


def _refuse_unreadable(request: web.Request) -> None:
    """Refuse a body that is compressed, or was not announced."""
    encoding = single_header(request.headers, "Content-Encoding") or "identity"
    if encoding.lower() != "identity":
        raise UnsupportedMediaType(
            "Content-Encoding is not supported; send the body uncompressed."
        )
    if announces_no_length(request) and "Content-Type" in request.headers:
        raise refuse_unannounced(request)


def refuse_body(request: web.Request) -> None:
    """
    Refuse a body of a call that takes none: what it says would be ignored.

    Two bytes say nothing: libraries send `{}` where a program gives no body.

    Raises:
        Invalid: there is one.
    """
    length = request.content_length
    if request.body_exists and (length is None or length > len("{}")):
        raise Invalid("This call takes no body: its parameters are in the query.")


async def refuse_other_type(
    request: web.Request, accepted: Collection[str], *, body_required: bool
) -> None:
    """
    Refuse a body of another type than those *accepted* without reading all of it.

    Raises:
        LengthRequired: it was not announced.
        UnsupportedMediaType: there is one, or there must be.
    """
    _refuse_unreadable(request)
    if body_required or await _has_body(request):
        given = storable_text(request.headers.get("Content-Type", "none")[:100])
        raise UnsupportedMediaType(
            f"Content-Type must be {' or '.join(accepted)}, not {given}."
        )


async def _has_body(request: web.Request) -> bool:
    if request.content_length is not None:
        return request.content_length > 0
    # Of chunks it is seen only then.
    return request.body_exists and bool((await read_beginning(request)).content)


def decode_json(data: bytes, target_type: Any) -> Any:
    """
    Decode JSON into *target_type*.

    Raises:
        Malformed: *data* is not JSON.
        Invalid: a field is wrong; the pointer names it.
    """
    try:
        decoded = _decoder(target_type).decode(without_bom(data))
        if _may_hold_long_number(data):
            # What is kept as it came is not decoded otherwise.
            msgspec.json.decode(without_bom(data))
    except msgspec.ValidationError as error:
        raise invalid_from_msgspec(error, target_type) from None
    except RecursionError:
        raise Malformed("The body is nested too deeply.") from None
    except (msgspec.DecodeError, UnicodeDecodeError) as error:
        raise Malformed(f"The body is not valid JSON: {error}.") from None
    return decoded


def _may_hold_long_number(data: bytes) -> bool:
    """
    Tell whether there may be a number that programs in Python could not read again.

    Whoever repeats it word for word makes a whole page unreadable. A run of that
    length has a block in it that is digits alone: others are passed over at once.
    """
    starts = range(0, len(data), _DIGITS_BLOCK)
    return any(
        data[start : start + _DIGITS_BLOCK].isdigit()
        for start in starts
        if start + _DIGITS_BLOCK <= len(data)
    )


async def decode_body(data: bytes, target_type: Any) -> Any:
    """
    Decode JSON as `decode_json` does, in turn; what takes long, apart from the loop.

    Raises:
        Malformed, Invalid: as `decode_json`.
        TooLarge, Busy: as `parse_apart`.
    """
    if is_quick(data):
        await begin_piece()
        return decode_json(data, target_type)
    return await parse_apart(len(data), decode_json, data, target_type)


async def parse_apart(size: int, parse: Callable[..., T], *args: object) -> T:
    """
    Return what *parse* returns, apart from the event loop.

    Raises:
        TooLarge: it takes too long, or too much memory.
        Busy: the machine is too busy. And what *parse* raises.
    """
    with _refusing():
        return await run_off_loop(max(size, MAX_INLINE + 1), parse, *args)


async def parse_file_apart(spool: Spool, parse: Callable[..., T], *args: object) -> T:
    """
    Return what *parse* returns for a spool's descriptor and *args*.

    It runs in a thread if the JSON is quick to decode, else in another process.

    Raises:
        TooLarge: it takes too long, or too much memory.
        Busy: there is no room for the body, or the machine is too busy.

    And what *parse* raises.
    """
    with _refusing():
        quick = spool.size <= MAX_QUICK and is_quick(await spool.take())
        file = await spool.descriptor()
        if quick:
            return await run_in_thread(parse, file, *args)
        return await run_in_child(parse, file, *args, file=file)


@contextmanager
def _refusing() -> Iterator[None]:
    """Refuse a body that the block could not parse, for its own sake or for ours."""
    try:
        yield
    except MachineBusy:
        raise Busy("There is no time to read the body. Try again.") from None
    except GaveUp:
        raise TooLarge("The body holds more values than can be read.") from None
    except OSError:
        raise Busy("There is no room for the body. Try again.") from None


def without_bom(data: bytes) -> bytes:
    """Return text in UTF-8 without the mark that some editors put before it."""
    return data.removeprefix(codecs.BOM_UTF8)


def _reduce_meta(meta: msgspec.Meta) -> tuple[Any, ...]:
    return _make_meta, (dict(meta.__rich_repr__()),)


def _make_meta(fields: dict[str, Any]) -> msgspec.Meta:
    return msgspec.Meta(**fields)


# Types are named to the process that decodes, and msgspec does not pickle these.
copyreg.pickle(msgspec.Meta, _reduce_meta)


@lru_cache
def _decoder(target_type: Any) -> msgspec.json.Decoder[Any]:
    """Return the decoder of *target_type*; building one takes longer than decoding."""
    return msgspec.json.Decoder(target_type)
