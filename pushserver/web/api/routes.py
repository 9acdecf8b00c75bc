"""Declares the calls of one part of the API at their handlers."""

from collections.abc import Awaitable, Callable, Iterator
from functools import partial
from inspect import cleandoc
from types import NoneType
from typing import Any, TypeVar, get_args, get_type_hints

import attrs
from aiohttp import web

from pushserver.model.token import Permission
from pushserver.web.api.reading_turn import list_in_turn
from pushserver.web.api.route import ApiRoute
from pushserver.web.api.tags import Tag

H = TypeVar("H", bound=Callable[..., Awaitable[web.StreamResponse]])


@attrs.frozen
class Routes:
    """The calls of one part of the API; reading and changing need a permission each."""

    tag: Tag
    read_permission: Permission
    write_permission: Permission
    _routes: list[ApiRoute] = attrs.Factory(list)

    def __iter__(self) -> Iterator[ApiRoute]:
        return iter(self._routes)

    def __call__(
        self,
        method: str,
        path: str,
        name: str,
        response_type: Any = None,
        **options: Any,
    ) -> Callable[[H], H]:
        """
        Declare a call of the API; to be used as a decorator of its handler.

        The handler's annotation names the types of the query and the body, the first
        line of its docstring is the summary, the rest its description. *options* are
        the other fields of the route. Lists are read `in_turn`, unless the handler says
        itself what of it is.
        """
        is_read = method == "GET"
        in_turn = options.pop("in_turn", is_read and _is_list(response_type))

        def declare(handler: H) -> H:
            query_type, body_type = _call_types(handler)
            summary, _, description = cleandoc(handler.__doc__ or "").partition("\n")
            defaults = {
                "permission": self.read_permission
                if is_read
                else self.write_permission,
                "summary": summary.rstrip("."),
                "description": description.strip(),
            }
            self._routes.append(
                ApiRoute(
                    method=method,
                    path=path,
                    name=name,
                    tag=self.tag,
                    handler=partial(list_in_turn, handler) if in_turn else handler,
                    query_type=query_type,
                    body_type=body_type,
                    response_type=response_type,
                    **{**defaults, **options},
                )
            )
            return handler

        return declare


def _is_list(response_type: Any) -> bool:
    return "items" in getattr(response_type, "__struct_fields__", ())


def _call_types(handler: Callable[..., object]) -> tuple[Any, Any]:
    """Return the query's and the body's type that *handler* is annotated with."""
    call_type = next(iter(get_type_hints(handler, include_extras=True).values()))
    query_type, body_type = get_args(call_type)
    return (
        None if query_type is NoneType else query_type,
        None if body_type is NoneType else body_type,
    )
