"""The part of a list that a client asks for, in the URL's query or in a body."""

import re
from collections.abc import Mapping

import attrs
import msgspec
from aiohttp import web

from pushserver.errors import Invalid, Malformed
from pushserver.model.storable_text import storable_text
from pushserver.storage.operations import PageRequest, SortField
from pushserver.web.api.authorized_call import AuthorizedCall
from pushserver.web.api.query import cap_limit
from pushserver.web.api.token_life import require_valid
from pushserver.web.json_body import decode_body, read_whole_body
from pushserver.web.kapua.problems import IllegalArgument

#: Kapua counts with 32 bits.
_MAX_INT32 = 2**31 - 1
#: The most bytes of a query.
MAX_QUERY = 64 * 1024
_DIGITS = re.compile(r"[0-9]{1,10}", re.ASCII)
_BOOLEANS = {"true": True, "false": False}
_DIRECTIONS = {"ascending": False, "descending": True}
#: The fields of a body that count here; Kapua's others are ignored.
PAGE_PARAMETERS = ("offset", "limit", "askTotalCount")
#: The parameters of the URL of a list of operations or notifications.
LIST_PARAMETERS = (*PAGE_PARAMETERS, "sortParam", "sortDir", "resource")


@attrs.frozen(kw_only=True)
class ListQuery:
    """A part of a list; `include_total`: whether to count the whole list, too."""

    offset: int = 0
    limit: int = 50
    sort: SortField
    descending: bool = False
    resource: str | None = None
    include_total: bool = False

    @property
    def page(self) -> PageRequest:
        """The page to read: one row more tells whether others follow."""
        return PageRequest(
            offset=self.offset,
            limit=self.limit + 1,
            sort=self.sort,
            descending=self.descending,
        )


def list_query_from_url(
    request: web.Request, sorts: Mapping[str, SortField], default_sort: SortField
) -> ListQuery:
    """
    Read the parameters of the URL.

    Raises:
        IllegalArgument: one of them is wrong.
    """
    parameters = dict(request.query)
    sort_param = parameters.get("sortParam")
    if sort_param is not None and sort_param not in sorts:
        raise IllegalArgument("sortParam", sort_param)
    return attrs.evolve(
        _make_list_query(
            parameters, default_sort if sort_param is None else sorts[sort_param]
        ),
        descending=_parse_choice(
            _DIRECTIONS, "sortDir", parameters.get("sortDir", "ascending")
        ),
        resource=storable_text(parameters.get("resource", "")) or None,
    )


async def list_query_from_body(
    call: AuthorizedCall, default_sort: SortField
) -> ListQuery:
    """
    Read a body's fields.

    Raises:
        IllegalArgument: it is not a JSON object, or one of its fields is wrong.
        TooLarge: it has more than `MAX_QUERY` bytes.
        Unauthorized: the token has ended meanwhile, or the session in its place.
    """
    raw_body = await read_whole_body(call.request, MAX_QUERY)
    await require_valid(call)
    try:
        fields = await decode_body(raw_body, dict[str, msgspec.Raw])
    except (Malformed, Invalid):
        raise IllegalArgument(
            "query", raw_body[:400].decode("utf-8", "replace")
        ) from None
    texts = {
        name: bytes(raw).decode("utf-8", "replace").strip()
        for name, raw in fields.items()
        if name in PAGE_PARAMETERS
    }
    return _make_list_query(
        {name: text for name, text in texts.items() if text != "null"}, default_sort
    )


def _make_list_query(values: Mapping[str, str], sort: SortField) -> ListQuery:
    return ListQuery(
        offset=_parse_int32("offset", values.get("offset", "0")),
        limit=cap_limit(_parse_int32("limit", values.get("limit", "50"))),
        sort=sort,
        include_total=_parse_choice(
            _BOOLEANS, "askTotalCount", values.get("askTotalCount", "false")
        ),
    )


def _parse_int32(name: str, text: str) -> int:
    if _DIGITS.fullmatch(text) is None or int(text) > _MAX_INT32:
        raise IllegalArgument(name, text)
    return int(text)


def _parse_choice(choices: Mapping[str, bool], name: str, text: str) -> bool:
    try:
        return choices[text.lower()]
    except KeyError:
        raise IllegalArgument(name, text) from None
