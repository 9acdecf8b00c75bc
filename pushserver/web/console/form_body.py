"""What a form of a page sends: fields, and files where it may have any."""

import re
from collections.abc import AsyncIterator, Mapping
from contextlib import asynccontextmanager, closing, nullcontext
from urllib.parse import parse_qsl

import attrs
from aiohttp import web

from pushserver.errors import Malformed, TooLarge
from pushserver.services.off_loop import MAX_INLINE
from pushserver.web.connection import connection_of
from pushserver.web.json_body import (
    parse_apart,
    read_short_body,
    read_whole_body,
    spool_whole_body,
    take_body,
)

FORM_MEDIA_TYPE, MULTIPART = "application/x-www-form-urlencoded", "multipart/form-data"
MAX_FIELDS = 150
#: The most characters of all fields of a form that are no files: each is parsed, and
#: may be shown again.
MAX_TEXT = 131_072
_NAME = re.compile(rb';\s*name="([^"\r\n]{1,200})"', re.IGNORECASE)
_FILE_NAME = re.compile(rb";\s*filename=", re.IGNORECASE)


@attrs.frozen
class SentForm:
    """Fields without spaces around, and files, by name; of two the last."""

    fields: Mapping[str, str] = attrs.Factory(dict)
    files: Mapping[str, bytes] = attrs.Factory(dict)


@asynccontextmanager
async def received_form(
    request: web.Request, max_bytes: int
) -> AsyncIterator[SentForm]:
    """
    Receive what a form of a page has; of long ones, one is in memory at a time.

    Raises:
        Malformed: it is none.
        TooLarge: it is longer than any of these forms.
    """
    if request.content_type != MULTIPART:
        yield _checked(await _read_fields(request))
        return
    budget = connection_of(request).body_budget
    with closing(budget.new_spool()) as spool:
        await spool_whole_body(request, spool, max_bytes)
        async with budget.form_turn if spool.is_file else nullcontext():
            content_type = request.headers.get("Content-Type", "")
            yield _checked(parse_multipart(await take_body(spool), content_type))


async def _read_fields(request: web.Request) -> SentForm:
    _require_fields(request)
    # A browser writes up to three bytes for one.
    body = await read_whole_body(request, 3 * MAX_TEXT)
    if len(body) > MAX_INLINE:
        return await parse_apart(len(body), parse_fields, body)
    return parse_fields(body)


async def read_short_form(request: web.Request) -> SentForm:
    """
    Return what a stranger's form has, which is short.

    Raises:
        Malformed: it is none.
        TooLarge: it is longer.
    """
    _require_fields(request)
    return _checked(parse_fields(await read_short_body(request)))


def _require_fields(request: web.Request) -> None:
    if request.content_type != FORM_MEDIA_TYPE:
        raise Malformed(f"A form is {FORM_MEDIA_TYPE}.")


def _checked(sent: SentForm) -> SentForm:
    if sum(map(len, sent.fields.values())) > MAX_TEXT:
        raise TooLarge(f"The fields of a form may have {MAX_TEXT} characters.")
    return sent


def parse_fields(body: bytes) -> SentForm:
    """
    Return the fields of a form without files.

    Raises:
        Malformed: it is none.
    """
    try:
        text = body.decode()
        pairs = parse_qsl(text, keep_blank_values=True, max_num_fields=MAX_FIELDS)
    except ValueError:
        raise Malformed("This is no form.") from None
    return SentForm({name: value.strip() for name, value in pairs})


def parse_multipart(body: bytes, content_type: str) -> SentForm:
    """
    Return the parts of a form with files, as browsers write it.

    Raises:
        Malformed: it is none.
    """
    found = re.search(r'boundary="?([^";,\s]{1,70})', content_type)
    if found is None:
        raise Malformed("This is no form.")
    mark = b"\r\n--" + found[1].encode("ascii", "replace")
    parts = (b"\r\n" + body).split(mark, MAX_FIELDS + 1)[1:]
    if len(parts) < 1 or len(parts) > MAX_FIELDS or parts[-1][:2] != b"--":
        raise Malformed("This is no form.")
    fields: dict[str, str] = {}
    files: dict[str, bytes] = {}
    for part in parts[:-1]:
        head, _, content = part.partition(b"\r\n\r\n")
        name = _NAME.search(head[:1000])
        if name is None:
            raise Malformed("This is no form.")
        key = name[1].decode("utf-8", "replace")
        if _FILE_NAME.search(head[:1000]):
            files[key] = content
        else:
            fields[key] = content.decode("utf-8", "replace").strip()
    return SentForm(fields, files)
