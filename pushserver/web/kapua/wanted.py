"""Which part of a list is wanted, from a query or from a body."""

import re
from collections.abc import Mapping

import attrs
import msgspec
from aiohttp import web

from pushserver.errors import Invalid, Malformed
from pushserver.storage.tracking import Page, Sort
from pushserver.web.address import printable
from pushserver.web.api.route import capped, decode, read_data
from pushserver.web.kapua.problems import IllegalArgument

#: Kapua counts with 32 bits.
_LARGEST = 2**31 - 1
_DIGITS = re.compile(r"[0-9]{1,10}", re.ASCII)
_FLAGS = {"true": True, "false": False}
_WAYS = {"ascending": False, "descending": True}
#: What a body may say of a list. Kapua's other fields are passed over.
_IN_BODY = ("offset", "limit", "askTotalCount")
_IN_QUERY = (*_IN_BODY, "sortParam", "sortDir", "resource")


@attrs.frozen(kw_only=True)
class Wanted:
    """A part of a list; `total` tells whether the whole is to be counted."""

    offset: int = 0
    limit: int = 50
    sort: Sort
    descending: bool = False
    resource: str | None = None
    total: bool = False

    @property
    def page(self) -> Page:
        """The page to read: one row more tells whether others follow."""
        return Page(
            offset=self.offset,
            limit=self.limit + 1,
            sort=self.sort,
            descending=self.descending,
        )


def of_query(request: web.Request, sorts: Mapping[str, Sort], usual: Sort) -> Wanted:
    """
    Read a query's parameters; those that Kapua does not know are passed over.

    Raises:
        IllegalArgument: one of them is wrong.
    """
    query = request.query
    given = {name: query[name] for name in _IN_QUERY if name in query}
    by = given.get("sortParam")
    if by is not None and by not in sorts:
        raise IllegalArgument("sortParam", by)
    return attrs.evolve(
        _of(given, usual if by is None else sorts[by]),
        descending=_one_of(_WAYS, "sortDir", given.get("sortDir", "ascending")),
        resource=printable(given.get("resource", "")) or None,
    )


async def of_body(request: web.Request, usual: Sort) -> Wanted:
    """
    Read a body's fields.

    Raises:
        IllegalArgument: it is no JSON object, or one of its fields is wrong.
    """
    data = await read_data(request)
    try:
        fields = decode(data, dict[str, msgspec.Raw])
    except (Malformed, Invalid):
        raise IllegalArgument("query", data[:400].decode("utf-8", "replace")) from None
    texts = {
        name: bytes(raw).decode("utf-8", "replace").strip()
        for name, raw in fields.items()
        if name in _IN_BODY
    }
    return _of({name: text for name, text in texts.items() if text != "null"}, usual)


def _of(given: Mapping[str, str], sort: Sort) -> Wanted:
    return Wanted(
        offset=_number("offset", given.get("offset", "0")),
        limit=capped(_number("limit", given.get("limit", "50"))),
        sort=sort,
        total=_one_of(_FLAGS, "askTotalCount", given.get("askTotalCount", "false")),
    )


def _number(name: str, text: str) -> int:
    if _DIGITS.fullmatch(text) is None or int(text) > _LARGEST:
        raise IllegalArgument(name, text)
    return int(text)


def _one_of(words: Mapping[str, bool], name: str, text: str) -> bool:
    try:
        return words[text.lower()]
    except KeyError:
        raise IllegalArgument(name, text) from None
