"""The whole document: every call, every webhook, and what they are made of."""

from collections.abc import Sequence

from pushserver import __version__
from pushserver.web.api.openapi.headers import HEADER_COMPONENTS
from pushserver.web.api.openapi.operations import Operations
from pushserver.web.api.openapi.schemas import JsonObject
from pushserver.web.api.openapi.webhooks import webhooks
from pushserver.web.api.path_names import camel
from pushserver.web.api.responses import BASE_PATH
from pushserver.web.api.route import ApiRoute
from pushserver.web.api.tags import Tag


def document(routes: Sequence[ApiRoute]) -> JsonObject:
    """Return the description of *routes* in OpenAPI 3.1."""
    operations = Operations()
    paths: dict[str, JsonObject] = {}
    for route in routes:
        path = paths.setdefault(BASE_PATH + camel(route.path), {})
        path[route.method.lower()] = operations.describe(route)
    return {
        "openapi": "3.1.0",
        "info": {
            "title": "pushserver",
            "version": __version__,
            "description": "Commands for devices that can only poll.",
            "contact": {"name": "Whoever runs this server"},
            "license": {"name": "Apache-2.0", "identifier": "Apache-2.0"},
        },
        "servers": [{"url": "/"}],
        "security": [{"token": []}],
        "tags": [{"name": tag, "description": tag.description} for tag in Tag],
        "paths": paths,
        "webhooks": webhooks(operations.schemas),
        "components": {
            "schemas": operations.schemas.components,
            "responses": operations.responses,
            "headers": HEADER_COMPONENTS,
            "securitySchemes": {
                "token": {
                    "type": "http",
                    "scheme": "bearer",
                    "description": "A token of the API.",
                }
            },
        },
    }
