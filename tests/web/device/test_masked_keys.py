"""A device's key is shown nowhere, whatever path it was typed into."""

import time

import pytest
import structlog

from pushserver.model.secret import new_device_key
from pushserver.web.device_url import (
    MASK,
    mask_keys,
    mask_keys_in_body,
    mask_keys_in_text,
)
from tests.clock import ManualClock
from tests.database_rows import every_row
from tests.web.local_server import DEVICE, LocalServer

#: As the server makes them; the last one is all letters.
KEYS = ["aB3-_kV9zQ0xW2eR4tY6uI8oP1sD5fG7", "-" * 31 + "A", "abcDEF" * 5 + "xy"]
#: The same in other alphabets of base64.
OTHER_ALPHABETS = ["aB3+~kV9zQ0xW2eR4tY6uI8oP1sD5fG7", "aB3kV9zQ0xW2+R4tY6uI~oP1sD5fG="]


def escaped(key: str, times: int = 1) -> str:
    """Return the key with each of its characters escaped."""
    percent = "%" + "25" * (times - 1)
    return "".join(f"{percent}{ord(each):02x}" for each in key)


PATHS = [
    "/D/{key}",
    "/D/{key}/push",
    "/{key}/push",
    "/{key}",
    "/d/x/{key}",
    "/d/x/{key}/push",
    "/d//{key}/x",
    "/x/d/{key}",
    "/push/{key}",
    "/x?key={key}",
    "/push?x=1&{key}",
    "/{escaped}/push",
    "/%64/{escaped}/x",
    "/d%2F{key}",
    "/d%252f{escaped}/x",
    "/{twice}/push",
    "/x?k=%2Fd%2F{escaped}",
    "/a{key}b",
    "/{long}/{key}",
]


@pytest.mark.parametrize("key", KEYS)
@pytest.mark.parametrize("path", PATHS)
def test_masked(path: str, key: str) -> None:
    """
    Neither the key nor an escaped form of it is left, and the rest of the path is.
    """
    forms = {"key": key, "escaped": escaped(key), "twice": escaped(key, 2)}

    shown = mask_keys(path.format(long="x" * 300, **forms))

    assert not any(form in shown for form in forms.values())
    assert key[:12] not in shown
    assert MASK in shown


@pytest.mark.parametrize("key", OTHER_ALPHABETS)
@pytest.mark.parametrize(
    "path", ["/{}/push", "/D/{}", "/push/{}", "/api/v1/{}", "/x{}"]
)
def test_other_alphabets(path: str, key: str) -> None:
    """
    In a path, a key that was typed in another alphabet is masked, too.
    """
    shown = mask_keys(path.format(key))

    assert not any(key[i : i + 10] in shown for i in range(len(key) - 9))


@pytest.mark.parametrize("path", ["/d/{}/push", "/x/D/{}", "/d/{}/result/x.fcgi"])
def test_slashes(path: str) -> None:
    """
    So are the pieces of a key with slashes, and the rest of the path is not.
    """
    shown = mask_keys(path.format("aB3kV9zQ0x/W2eR4tY6uI/8oP1sD5fG7"))

    assert path.format(f"{MASK}/{MASK}/{MASK}") == shown


@pytest.mark.parametrize(
    "address",
    [
        "/device_is_alive.fcgi/4408801109440198/x",
        "/api/v1/devices/4408801109440198/commands",
        "/api/v1/commands/9223372036854775807/result",
        "/new_user_identified_with_a_long_name.fcgi?device_id=4408801109440198",
        "/result?deviceId=1&uuid=5b0e7f2a-90c4-4d33-8b0e-7f2a90c41d33&endpoint=reboot",
        "/api/notifications/access_photo?x=%C3%A9&y=a+b",
        "/push?deviceId=" + "9" * 64,
        "/" + "x/" * 100,
        "/dd/short/push",
    ],
)
def test_shown(address: str) -> None:
    """
    Ids, uuids, endpoints and all that is short are shown as they came.
    """
    assert address == mask_keys(address)


def test_any_key() -> None:
    """
    Every key that the server makes looks like one.
    """
    keys = [new_device_key() for _ in range(2000)]

    assert {f"/{MASK}"} == {mask_keys(f"/{key}") for key in keys}


@pytest.mark.parametrize(
    "piece",
    [
        "+",
        "~A",
        "d/A+",
        "%25",
        "%2525",
        "%",
        "d/",
        "/d/",
        "%2f",
        "A-",
        "%41",
        "a" * 19 + "/",
        "d%2",
    ],
)
def test_linear(piece: str) -> None:
    """
    Whatever a stranger sends: 16 times as long takes about 16 times as long, not 256.
    """

    def seconds(count: int) -> float:
        address, best = "/" + piece * count, float("inf")
        for _ in range(5):
            start = time.process_time()
            mask_keys(address)
            best = min(best, time.process_time() - start)
        return best

    assert seconds(16_000) < 100 * max(seconds(1_000), 0.000_1)


@pytest.mark.parametrize(
    "path", ["/D/{}/push", "/{}/push/x", "/d/x/{}", "/x/{}", "/d%2F{}/x", "/{}.fcgi"]
)
async def test_unknown_calls_and_log(server: LocalServer, path: str) -> None:
    """
    What a device calls with its key in a wrong place is kept, and logged, without it.
    """
    await server.api("PUT", f"/devices/{DEVICE}", {})
    key = (await server.api("POST", f"/devices/{DEVICE}/key")).json()["key"]
    with structlog.testing.capture_logs() as logs:
        await server.request("PUT", f"{path.format(key)}?deviceId={DEVICE}&k={key}")
        refused = await server.request("GET", f"/api/v1/{key}")
        asked = await server.api("GET", f"/devices?{key}=1")
        kapua = await server.request(
            "GET",
            f"/{key}/devices/{key}/operations?{key}=1",
            headers={"Authorization": "Bearer admin-of-the-tests"},
        )

    calls = (await server.get_device())["unknownCalls"]
    assert 1 == calls["count"]
    assert MASK in calls["last"][0]["path"]
    for text in (calls, logs, refused.body, asked.body, kapua.body):
        assert key not in str(text)
    assert 400 <= kapua.status < 500


async def test_poll_with_a_wrong_key(server: LocalServer, clock: ManualClock) -> None:
    """
    A poll that is refused is kept with its address, not with the key that it tried.
    """
    await server.api("PUT", f"/devices/{DEVICE}", {})
    old = (await server.api("POST", f"/devices/{DEVICE}/key")).json()["key"]
    path = f"/devices/{DEVICE}/key"
    await server.api("POST", path, {"enforce": True})
    clock.tick(seconds=1)

    await server.poll(path=f"/D/{old}/push")
    await server.poll(path=f"/d/{old}/push")

    paths = [
        call["path"] for call in (await server.get_device())["unknownCalls"]["last"]
    ]
    assert [f"/{d}/{MASK}/push?deviceId={DEVICE}" for d in "Dd"] == paths


def test_body() -> None:
    """
    Nor is a key shown that was typed into a body, which may be anything else.
    """
    body = b'{"url": "https://x/d/%s/push", "id": 4408801109440198}\xff'
    key = new_device_key().encode()

    assert body % MASK.encode() == mask_keys_in_body(body % key)


@pytest.mark.parametrize("text", [*KEYS[::2], OTHER_ALPHABETS[0], "pst_" + "aB3" * 14])
def test_text(text: str) -> None:
    """
    Nor is one in an error for people.
    """
    assert f"not '{MASK}'." == mask_keys_in_text(f"not '{text}'.")


@pytest.mark.parametrize(
    "text",
    [
        "4bf92f3577b34da6a3ce929d0e0e4736",
        "00-4bf92f3577b34da6a3ce929d0e0e4736-00f067aa0ba902b7-01",
        "Root=1-67891233-abcdef012345678912345678",
        "req-5b0e7f2a-90c4-4d33-8b0e-7f2a90c41d33",
        "01ARZ3NDEKTSV4RRFFQ69G5FAV",
        "remote_user_authorization_of_somebody",
        "PUSHSERVER_DEVICE_REQUESTS_AND_MORE",
        "9" * 64,
    ],
)
def test_text_shown(text: str) -> None:
    """
    What proxies call requests, and names, are shown.
    """
    assert text == mask_keys_in_text(text)


@pytest.mark.only_on("sqlite")
async def test_headers(server: LocalServer, database: str) -> None:
    """
    A key that is sent as a header, or as a field, is neither logged, kept nor answered.
    """
    key, path = KEYS[0], f"/devices/{DEVICE}"
    await server.api("PUT", path, {})
    names = ("X-Request-ID", "Idempotency-Key", "User-Agent", "Referer", "Accept")
    with structlog.testing.capture_logs() as logs:
        answers = [
            await server.api("POST", f"{path}/commands", body, headers={name: key})
            for body in ({"endpoint": "x"}, {key: 1}, {"endpoint": "x", "verb": key})
            for name in (*names, "Content-Type")
        ]
        answers += [
            await server.api("GET", f"/commands?state={key}"),
            await server.api("POST", "/devices/import", [{"deviceId": "6", key: 1}]),
        ]
    entries = await server.api("GET", "/audit")

    for text in (logs, entries.body, *(answer.body for answer in answers)):
        assert key not in str(text)
    assert [] == [table for table, row in every_row(database) if key in str(row)]
