"""Upgrades over the API: what is refused."""

from typing import Any

from tests.each_case import each_case
from tests.web.api.upgrades import INSTALL, LOAD, PHASES, VERIFY, post_upgrade
from tests.web.local_server import LocalServer


def phases(**fields: Any) -> dict[str, Any]:
    """Return phases of which something is wrong."""
    return {"phases": {**PHASES, **fields}}


def verify(**fields: Any) -> dict[str, Any]:
    """Return phases whose last is wrong."""
    return phases(verify={**PHASES["verify"], **fields})


AT = "/phases/verify"


@each_case("dry", [False, True])
@each_case(
    ("wrong", "pointer"),
    [
        (phases(download=[]), "/phases/download"),
        (phases(apply=[]), "/phases/apply"),
        (phases(download=None), "/phases/download"),
        ({"phases": {"apply": [INSTALL]}}, "/phases/download"),
        (phases(other=[]), "/phases/other"),
        (phases(download=[LOAD] * 60, apply=[INSTALL] * 39), "/phases"),
        (phases(download=[LOAD] * 101), "/phases/download"),
        (phases(download=[LOAD, {"endpoint": "a/b"}]), "/phases/download/1/endpoint"),
        (phases(apply=[{"endpoint": "x", "verb": "PUT"}]), "/phases/apply/0/verb"),
        (phases(apply=[{}]), "/phases/apply/0/endpoint"),
        (verify(command={"endpoint": "a b"}), f"{AT}/command/endpoint"),
        (verify(command={**VERIFY, "priority": 101}), f"{AT}/command/priority"),
        (verify(versionPointer="version"), f"{AT}/versionPointer"),
        (verify(versionPointer="/a~2"), f"{AT}/versionPointer"),
        (verify(versionPointer="#/version"), f"{AT}/versionPointer"),
        (verify(versionPointer=7), f"{AT}/versionPointer"),
        (verify(versionPointer="/" * 1001), f"{AT}/versionPointer"),
        ({"targetVersion": ""}, "/targetVersion"),
        ({"targetVersion": "x" * 201}, "/targetVersion"),
        ({"targetVersion": 2}, "/targetVersion"),
        ({"policy": {"retries": 11}}, "/policy/retries"),
        ({"policy": {"retries": -1}}, "/policy/retries"),
        ({"policy": {"applyTimeout": 0}}, "/policy/applyTimeout"),
        ({"policy": {"stopAfterFailures": "many"}}, "/policy/stopAfterFailures"),
        ({"policy": {"concurrency": 0}}, "/policy/concurrency"),
        ({"policy": {"notBefore": "soon"}}, "/policy/notBefore"),
        ({"policy": {"notBefore": "3001-01-01T00:00:00Z"}}, "/policy/notBefore"),
        ({"policy": {"expiresIn": 0}}, "/policy/expiresIn"),
        ({"policy": {"wrong": 1}}, "/policy/wrong"),
        ({"targets": {}}, "/targets"),
        ({"targets": {"deviceIds": [1, 99]}}, "/targets/deviceIds"),
        ({"name": "x" * 201}, "/name"),
        ({"wrong": 1}, "/wrong"),
    ],
)
async def test_refused(
    server_with_devices: LocalServer, wrong: dict[str, Any], pointer: str, dry: bool
) -> None:
    """
    An error names the field, and nothing is started, not even with nothing to start.
    """
    answer = await post_upgrade(server_with_devices, **{**wrong, "dryRun": dry})

    assert (422, "invalid", pointer) == answer.problem
    assert [] == (await server_with_devices.api("GET", "/tasks")).json()["items"]


@each_case("query", ["state=gone", "result=OK", "cursor=x", "wrong=1"])
async def test_bad_filter(server_with_devices: LocalServer, query: str) -> None:
    """
    A filter that cannot be is refused.
    """
    created = (await post_upgrade(server_with_devices)).json()

    answer = await server_with_devices.api(
        "GET", f"/upgrades/{created['id']}/devices?{query}"
    )

    assert (422, "invalid", f"/{query.partition('=')[0]}") == answer.problem
