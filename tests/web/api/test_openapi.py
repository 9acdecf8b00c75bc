"""The API's description: valid, complete, and true."""

import openapi_spec_validator

from pushserver.web.api import ROUTES
from tests.web.local_server import DEVICE, LocalServer


async def test_valid(server: LocalServer) -> None:
    """
    It is a valid document of OpenAPI 3.1.
    """
    document = (await server.api("GET", "/openapi.json", token=None)).json()

    assert document["openapi"].startswith("3.1")
    openapi_spec_validator.validate(document)


async def test_complete(server: LocalServer) -> None:
    """
    Every route that is served is described, and every status that it may have.
    """
    document = (await server.api("GET", "/openapi.json")).json()
    described = {
        operation["operationId"]: set(operation["responses"])
        for path in document["paths"].values()
        for operation in path.values()
    }

    assert {route.name for route in ROUTES} == set(described)
    for route in ROUTES:
        if route.permission is not None:
            assert {"401", "403"} <= described[route.name]


async def test_put_says_both(server: LocalServer) -> None:
    """
    PUT on a device is described with 201 and with 200.
    """
    document = (await server.api("GET", "/openapi.json")).json()
    put = document["paths"]["/api/v1/devices/{deviceId}"]["put"]

    assert {"200", "201"} <= set(put["responses"])


async def test_octets_are_described(server: LocalServer) -> None:
    """
    Raw bytes are described as bytes, their parameters as parameters.
    """
    document = (await server.api("GET", "/openapi.json")).json()
    path = "/api/v1/devices/{deviceId}/commands"
    enqueue = document["paths"][path]["post"]

    octets = enqueue["requestBody"]["content"]["application/octet-stream"]
    assert "$ref" not in octets.get("schema", {})
    named = {each["name"] for each in enqueue["parameters"]}
    assert {"endpoint", "queryString", "Idempotency-Key", "Prefer"} <= named
    assert DEVICE
