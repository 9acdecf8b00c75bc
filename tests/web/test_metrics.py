"""`/metrics`: what Prometheus is told, and who may read it."""

import re
from pathlib import Path

import pytest
from prometheus_client.parser import text_string_to_metric_families

from pushserver.metrics.families import COUNT_GROUPS, FAMILIES, SINGLE_COUNTS
from tests.clock import ManualClock
from tests.web.local_server import DEVICE, LocalServer, running_server

PROGRAM = Path(__file__).parents[2] / "pushserver"
_FORWARDED = {"X-Forwarded-For": "192.0.2.1"}

Numbers = dict[tuple[str, tuple[tuple[str, str], ...]], float]


async def scrape(server: LocalServer) -> Numbers:
    """Return each number by its name and labels; refuse one that nobody declared."""
    response = await server.request("GET", "/metrics")
    assert 200 == response.status, response.body
    declared = {each.name: each for each in FAMILIES}
    found: Numbers = {}
    for metric in text_string_to_metric_families(response.body.decode()):
        is_counter = metric.type == "counter"
        family = declared[metric.name + "_total" * is_counter]
        for each in metric.samples:
            labels = {k: v for k, v in each.labels.items() if k != "le"}
            assert set(family.labels) == set(labels)
            if "le" not in each.labels:
                found[each.name, tuple(sorted(labels.items()))] = each.value
    return found


async def test_a_cycle_is_counted(server: LocalServer) -> None:
    """
    What devices and programs did is there: how often, and how long it took.
    """
    await server.api("PUT", f"/devices/{DEVICE}", {})
    await server.enqueue()
    await server.enqueue()
    server.clock.tick(seconds=2)
    await server.poll()
    server.clock.tick(seconds=0.5)
    await server.post_result()
    await server.poll("deviceId=77")
    await server.post_result()
    numbers = await scrape(server)

    enqueue = (
        ("method", "POST"),
        ("route", "/api/v1/devices/{device_id}/commands"),
        ("status", "201"),
    )
    assert {
        ("pushserver_polls_total", (("outcome", "command"),)): 1,
        (
            "pushserver_refused_device_requests_total",
            (("reason", "quarantined"),),
        ): 1,
        ("pushserver_http_responses_total", enqueue): 2,
        ("pushserver_commands_created_total", ()): 2,
        ("pushserver_command_events_total", (("event", "succeed"),)): 1,
        ("pushserver_orphan_results_total", ()): 1,
        ("pushserver_enqueue_to_device_seconds_sum", ()): 2.0,
        ("pushserver_device_to_result_seconds_sum", ()): 0.5,
        ("pushserver_live_commands", (("state", "PENDING"),)): 1,
        ("pushserver_oldest_pending_seconds", ()): pytest.approx(2.5, abs=0.01),
        ("pushserver_devices", (("presence", "online"),)): 1,
        ("pushserver_devices", (("presence", "quarantined"),)): 1,
    }.items() <= numbers.items()


async def test_commands_that_are_given_up(server: LocalServer) -> None:
    """
    A command that is handed out again counts as redelivered, one given up as timeout.
    """
    await server.api("PUT", f"/devices/{DEVICE}", {})
    await server.enqueue({"endpoint": "load_objects", "maxAttempts": 2})
    for _ in range(3):
        await server.poll()
        server.clock.tick(seconds=10)
    numbers = await scrape(server)

    assert 1 == numbers["pushserver_redeliveries_total", ()]
    assert 1 == numbers["pushserver_command_timeouts_total", ()]
    assert 1 == numbers["pushserver_enqueue_to_device_seconds_count", ()]


@pytest.mark.parametrize(
    ("settings", "headers", "status"),
    [
        ({}, {}, 200),
        ({}, _FORWARDED, 401),
        ({}, {"X-Forwarded-For": "127.0.0.1"}, 401),
        ({}, {"Forwarded": "for=192.0.2.1"}, 401),
        ({}, {"Via": "1.1 proxy"}, 401),
        ({}, {"Host": "push.example"}, 401),
        ({}, {"Sec-Fetch-Site": "cross-site"}, 401),
        ({"public_url": "https://push.example"}, {}, 401),
        ({"trusted_proxies": "10.0.0.0/8"}, {}, 401),
        ({"trusted_proxies": "127.0.0.1"}, _FORWARDED, 401),
        ({"trusted_proxies": "127.0.0.1"}, {"X-Forwarded-For": "127.0.0.1"}, 401),
        ({"trusted_proxies": "127.0.0.1"}, {}, 401),
    ],
)
async def test_who_needs_no_token(
    database: str,
    clock: ManualClock,
    settings: dict[str, str],
    headers: dict[str, str],
    status: int,
) -> None:
    """
    Who is on this machine needs no token, unless a proxy may be there, too.
    """
    async with running_server(database, clock, **settings) as server:
        response = await server.request("GET", "/metrics", headers=headers)

    assert status == response.status


async def test_which_tokens_may(server: LocalServer) -> None:
    """
    A token needs `metrics:read`, and must be of the first scope, and of all of it.
    """
    scope = (await server.api("POST", "/scopes", {"name": "other"})).json()["token"]
    limited = {"name": "x", "permissions": ["metrics:read"], "deviceIds": ["1"]}
    tokens = [
        await server.create_token("metrics:read"),
        await server.create_token("devices:read"),
        (await server.api("POST", "/tokens", limited)).json()["token"],
        scope if isinstance(scope, str) else scope["token"],
    ]
    statuses = [
        (
            await server.request(
                "GET",
                "/metrics",
                headers=_FORWARDED | {"Authorization": f"Bearer {token}"},
            )
        ).status
        for token in tokens
    ]

    assert [200, 403, 403, 403] == statuses


async def test_backups(server: LocalServer, tmp_path: Path) -> None:
    """
    When the newest backup was made is told where the server makes any; 0: not yet.
    """
    name = "pushserver_last_backup_timestamp_seconds", ()
    backups = server.services.backups
    assert name not in await scrape(server)
    backups.folder = tmp_path
    assert 0 == (await scrape(server))[name]
    (tmp_path / "pushserver-20260103T040506Z.db").touch()

    assert 1_767_413_106 == (await scrape(server))[name]


def test_every_count_has_a_metric() -> None:
    """
    Whatever the program counts by a name belongs to a metric.
    """
    names = {
        name
        for path in (*PROGRAM.glob("services/*.py"), *PROGRAM.glob("web/*.py"))
        for name in re.findall(r'counts\[f?"([^"]+)"\]', path.read_text("utf-8"))
    }
    orphaned = {
        name
        for name in names - SINGLE_COUNTS.keys()
        if name.partition(".")[0] not in COUNT_GROUPS
    }

    assert len(names) > 10
    assert set() == orphaned
