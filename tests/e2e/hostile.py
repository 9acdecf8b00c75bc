"""Requests that try to keep a server busy for longer than their size allows."""

import json
from collections.abc import Callable, Mapping

import attrs

MIB = 1024 * 1024
DEVICE = "/devices/77"
JSON = {"Content-Type": "application/json"}


@attrs.frozen
class Hostile:
    """A request; `body` is made when it is sent. A path of the API needs a token."""

    method: str
    path: str
    body: Callable[[], bytes] = lambda: b""
    headers: Mapping[str, str] = JSON


def result(run: bytes, size: int, start: bytes = b"", end: bytes = b"") -> Hostile:
    """Return a result of *size* bytes."""
    return Hostile(
        "POST",
        "/result?deviceId=77",
        lambda: start + run * (size // len(run)) + end,
    )


def imported(kind: str, run: bytes, size: int, start: bytes = b"") -> Hostile:
    """Return an import that changes nothing."""
    return Hostile(
        "POST",
        "/api/v1/devices/import?dryRun=true",
        lambda: start + run * (size // len(run)),
        {"Content-Type": kind},
    )


def call(
    path: str, body: Callable[[], bytes], kind: str = "application/json"
) -> Hostile:
    """Return a call with a body."""
    return Hostile("POST", f"/api/v1{path}", body, {"Content-Type": kind})


def many_devices(line: Callable[[int], str], head: str = "") -> Callable[[], bytes]:
    """Return the lines of very many devices."""
    numbers = range(100_000, 300_000)
    return lambda: "".join([head, *map(line, numbers)]).encode()


def commands(count: int) -> bytes:
    """Return an array of commands."""
    return json.dumps([{"endpoint": "load_objects", "body": {"a": 1}}] * count).encode()


def many_targets() -> bytes:
    """Return a task for very many devices, of which there is none."""
    return b'{"steps":[{"endpoint":"x"}],"targets":{"deviceIds":[%s1]}}' % (
        b"1," * 240_000
    )


HOSTILE: Mapping[str, Hostile] = {
    "NaN": result(b"NaN,", 6 * MIB, b'{"response":[', b"1]}"),
    "NaN in a thread": result(b"NaN,", MIB // 2 - 99, b'{"response":[', b"1]}"),
    "brackets": result(b"[", 6 * MIB),
    "braces": result(b'{"a":', 6 * MIB),
    "form": result(b"a=1&", 6 * MIB),
    "form of escapes": result(b"%22", 6 * MIB, b"response="),
    "form of no escapes": result(b"%", MIB // 2 - 99, b"response="),
    "no ASCII": result("é\xe9".encode("latin-1"), MIB // 2 - 99, b'{"response":"'),
    "numbers": result(b"1,", 6 * MIB, b'{"response":[', b"1]}"),
    "quotes": result(b'"\\', 40_000, b'{"error":"x\t'),
    "quotes in a thread": result(b'"\\', MIB // 2 - 99, b'{"error":"x\t'),
    "more quotes": result(b'"\\', MIB, b'{"error":"x\t'),
    "keys": result(b'"k":1,', 6 * MIB, b"{", b'"k":1}'),
    "escaped": result(b'\\"a\\":1,', 6 * MIB, b'{"response":"{', b'}"}'),
    "transactions": result(b'{"success":true},', 6 * MIB, b'{"transactions_results":['),
    "errors": result(b'{"error":""},', MIB - 99, b'{"response":[', b"1]}"),
    "no UTF-8": result(b"\xff", 6 * MIB, b'{"response":"', b'"}'),
    "notification": Hostile("POST", "/api/notifications/dao", lambda: b"[1," * MIB),
    "login": Hostile("POST", "/v1/authentication/apikey", lambda: b"[1," * MIB),
    "parameters": Hostile("GET", "/push?" + "&" * 7000),
    "slashes": Hostile("GET", "/" * 7000 + "push?deviceId=77"),
    "poll": Hostile("GET", "/push?deviceId=78"),
    "CSV": Hostile(
        "POST",
        "/api/v1/devices/import?dryRun=true",
        many_devices(lambda i: f"{i},x\n", "deviceId,name\n"),
        {"Content-Type": "text/csv"},
    ),
    "NDJSON": Hostile(
        "POST",
        "/api/v1/devices/import?dryRun=true",
        many_devices(lambda i: f'{{"deviceId":{i}}}\n'),
        {"Content-Type": "application/x-ndjson"},
    ),
    "import": Hostile(
        "POST",
        "/api/v1/devices/import",
        lambda: b"".join(b'{"deviceId":%d}\n' % (n * 7919 % 5003) for n in range(5003)),
        {"Content-Type": "application/x-ndjson"},
    ),
    "CSV of one line": imported("text/csv", b"a,", 6 * MIB),
    "CSV of one record": imported("text/csv", b'"\n",', 6 * MIB, b"deviceId\n"),
    "empty lines": imported("application/x-ndjson", b"\n", 2 * MIB),
    "empty rows": imported("text/csv", b"\n", 2 * MIB, b"deviceId\n"),
    "commands": call(f"{DEVICE}/commands", lambda: commands(1000)),
    "commands with a key": Hostile(
        "POST",
        f"/api/v1{DEVICE}/commands",
        lambda: commands(1000),
        {**JSON, "Idempotency-Key": "of the table"},
    ),
    "too many commands": call(f"{DEVICE}/commands", lambda: commands(100_000)),
    "firmware": call(
        f"{DEVICE}/commands?endpoint=firmware",
        lambda: bytes(6 * MIB),
        "application/octet-stream",
    ),
    "shadow": Hostile(
        "PATCH", f"/api/v1{DEVICE}/shadow", lambda: b'{"a":{' + b'"b":1,' * MIB
    ),
    "targets": call("/tasks", lambda: b'{"targets":{"deviceIds":[' + b'"1",' * MIB),
    "many targets": call("/tasks", many_targets),
    "results": Hostile("GET", "/api/v1/results?limit=1000"),
    "keys of devices": call("/devices/keys", lambda: b'{"targets":{"all":true}}'),
    "devices": Hostile("GET", "/api/v1/devices?limit=1000&sort=-name&q=7"),
    "lists": Hostile("GET", "/api/v1/commands?limit=1000&include=body"),
    "the end": Hostile("DELETE", "/api/v1/devices/78"),
}
