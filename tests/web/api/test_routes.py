"""Calls of the API, declared at their handlers."""

from aiohttp import web

from pushserver.model.token import Permission
from pushserver.web.api.call import ApiCall
from pushserver.web.api.openapi.operations import error_statuses
from pushserver.web.api.operation_types import PageQuery
from pushserver.web.api.route import ApiRoute
from pushserver.web.api.routes import Routes
from pushserver.web.api.tags import Tag
from pushserver.web.api.task_types import RetryIn


def _declare(method: str, path: str, **options: object) -> ApiRoute:
    """Declare a handler that takes a query and a body, and return its route."""
    routes = Routes(Tag.DEVICES, Permission.DEVICES_READ, Permission.DEVICES_WRITE)

    @routes(method, path, "callIt", **options)
    async def handler(call: ApiCall[PageQuery, RetryIn]) -> web.StreamResponse:
        """
        Do something.

        At some length.
        """
        raise NotImplementedError(call)

    (route,) = routes
    return route


def test_read_from_the_handler() -> None:
    """
    The handler's annotation names the types, its docstring what the call does.
    """
    route = _declare("POST", "/things")

    assert (PageQuery, RetryIn, "Do something", "At some length.") == (
        route.query_type,
        route.body_type,
        route.summary,
        route.description,
    )


def test_permission_by_method() -> None:
    """
    GET needs the permission to read, every other method that to write.
    """
    assert Permission.DEVICES_READ is _declare("GET", "/things").permission
    assert Permission.DEVICES_WRITE is _declare("DELETE", "/things").permission
    other = _declare("GET", "/things", permission=Permission.ADMIN)
    assert Permission.ADMIN is other.permission


def test_error_statuses() -> None:
    """
    The statuses of the token, the path, the body and the store are always declared.
    """
    route = _declare("POST", "/things/{thing_id}", errors=(409,))

    expected = [400, 401, 403, 404, 408, 409, 411, 413, 415, 422, 429, 503]
    assert expected == error_statuses(route)


def test_path_that_need_not_exist() -> None:
    """
    A call that takes whatever its path names has no 404.
    """
    route = _declare("PUT", "/things/{thing_id}", path_must_exist=False)

    assert 404 not in error_statuses(route)
