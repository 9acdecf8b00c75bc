"""What `ID` and its like stand for in the examples: things that are really there."""

import itertools
import json
import re
import time
import urllib.request
from collections.abc import Callable
from typing import Any

import attrs

from tests.docs.examples.terminal import PATIENCE

#: An id as it is printed on the pages, or a word for one.
_ID = re.compile(r"\b(?:38\d{16}|ID|DELIVERY|TOKENID|SCOPEID)\b")
#: Devices that nobody simulates.
_FRESH = itertools.count(900_001)
#: The one of the pages that never comes.
_AWAY = "478500"
#: Held commands about which something was decided.
_DECIDED: set[str] = set()
_REBOOT = {"endpoint": "reboot"}
_VERIFY = {"command": {"endpoint": "system_information"}, "versionPointer": "/version"}
_USERS = {"object": "users", "values": [{"id": 7, "name": "Ada"}]}
_STEPS = [
    {"resource": "user", "endpoint": "create_or_modify_objects", "body": _USERS},
    {"resource": "check", "endpoint": "load_objects", "body": {"object": "users"}},
]
_TASK = {
    "name": "look north",
    "concurrency": 50,
    "stopAfterFailures": "5%",
    "expiresIn": 3600,
    "steps": [{"endpoint": "system_information"}],
}
_UPGRADE = {
    "targetVersion": "2",
    "phases": {
        "download": [{"endpoint": "firmware_load"}],
        "apply": [{"endpoint": "firmware_install"}],
        "verify": _VERIFY,
    },
}


@attrs.frozen
class Server:
    """The server as programs and devices call it, and a receiver that listens."""

    url: str
    token: str
    receiver: str

    def call(self, method: str, path: str, body: Any = None) -> Any:
        """Call the API; return the answer."""
        request = urllib.request.Request(  # noqa: S310 - always http
            f"{self.url}/api/v1{path}",
            method=method,
            data=None if body is None else json.dumps(body).encode(),
            headers={
                "Authorization": f"Bearer {self.token}",
                "Content-Type": "application/json",
            },
        )
        with urllib.request.urlopen(request, timeout=30) as answer:  # noqa: S310
            return json.loads(answer.read() or b"null")

    def poll(self, device: str) -> None:
        """Poll as a device does."""
        url = f"{self.url}/push?deviceId={device}"
        with urllib.request.urlopen(url, timeout=30):  # noqa: S310
            pass

    def answer(self, device: str, **result: Any) -> None:
        """Poll as a device does, and post the result of what is handed out."""
        self.poll(device)
        request = urllib.request.Request(  # noqa: S310 - always http
            f"{self.url}/result?deviceId={device}",
            data=json.dumps(result).encode(),
            headers={"Content-Type": "application/json"},
        )
        with urllib.request.urlopen(request, timeout=30):  # noqa: S310
            pass


def put_in(command: str, server: Server) -> str:
    """Return *command* with each id in it one of what it is for."""
    if "CURSOR" in command:
        return command.replace("CURSOR", _cursor(server))
    if not _ID.search(command):
        return command
    makers = [make for pattern, make in _MAKERS if re.search(pattern, command)]
    assert makers, f"What is the id of? {command}"
    make = makers[0]
    if "DELIVERY" in command:
        subscription, delivery = make(server).split()
        return command.replace("DELIVERY", delivery).replace("ID", subscription)
    return _ID.sub(lambda _: make(server), command)


def _first(look: Callable[[], Any]) -> Any:
    """Return what there is as soon as there is something."""
    deadline = time.monotonic() + PATIENCE
    while not (found := look()):
        assert time.monotonic() < deadline, "It does not come."
    return found


def _fresh() -> str:
    return str(next(_FRESH))


def _cursor(server: Server) -> str:
    cursor: str = server.call("GET", "/results?limit=1")["nextCursor"]
    return cursor


def _command(server: Server) -> str:
    return _id(server.call("POST", f"/devices/{_fresh()}/commands", _REBOOT))


def _answered_command(server: Server) -> str:
    device = _fresh()
    command = server.call("POST", f"/devices/{device}/commands", _REBOOT)
    server.answer(device, response={})
    return _id(command)


def _held_command(server: Server) -> str:
    """Return one that was not returned before."""
    held = map(_id, server.call("GET", "/commands?held=true")["items"])
    command = next(each for each in held if each not in _DECIDED)
    _DECIDED.add(command)
    return command


def _shown_command(server: Server) -> str:
    """Return one that a simulated device has answered."""
    path = "/commands?deviceId=478435&endpoint=load_objects&state=SUCCESSFUL"
    return _id(_first(lambda: server.call("GET", path)["items"])[-1])


def _operation(server: Server) -> str:
    body = {"deviceId": _AWAY, "resource": "ada", "steps": _STEPS}
    return _id(server.call("POST", "/operations", body))


def _finished_operation(server: Server) -> str:
    there = server.call("GET", "/operations?status=COMPLETED")["items"]
    return _id(there[-1]) if there else _operation(server)


def _open_operation(server: Server) -> str:
    return _id(server.call("POST", "/operations", {"deviceId": _AWAY}))


def _device(server: Server) -> str:
    device = _fresh()
    server.call("PUT", f"/devices/{device}", {"tags": {"site": "south"}})
    return device


def _stranger(server: Server) -> str:
    device = _fresh()
    server.poll(device)
    return device


def _task(server: Server, device: str = "") -> str:
    targets = {"deviceIds": [device or _device(server)]}
    return _id(server.call("POST", "/tasks", {"targets": targets, **_TASK}))


def _paused_task(server: Server) -> str:
    task = _task(server)
    server.call("POST", f"/tasks/{task}/pause")
    return task


def _failed_task(server: Server) -> str:
    return _answered(server, _task, error="no")


def _ended_task(server: Server) -> str:
    return _answered(server, _task, response={})


def _upgrade(server: Server, device: str = "") -> str:
    body = {"targets": {"deviceIds": [device or _device(server)]}, **_UPGRADE}
    return _id(server.call("POST", "/upgrades", body))


def _paused_upgrade(server: Server) -> str:
    upgrade = _upgrade(server)
    server.call("POST", f"/upgrades/{upgrade}/pause")
    return upgrade


def _failed_upgrade(server: Server) -> str:
    return _answered(server, _upgrade, error="no")


def _newest_upgrade(server: Server) -> str:
    there = server.call("GET", "/upgrades?state=COMPLETED")["items"]
    return _id(there[0]) if there else _failed_upgrade(server)


def _answered(
    server: Server, make: Callable[[Server, str], str], **outcome: object
) -> str:
    """Return what is made for a device that has answered its first command so."""
    device = _device(server)
    server.poll(device)
    made = make(server, device)
    _until_waiting(server, device)
    server.answer(device, **outcome)
    return made


def _until_waiting(server: Server, device: str) -> None:
    """Wait until a command is there for the device."""
    _first(lambda: server.call("GET", f"/devices/{device}")["queueDepth"])


def _subscription(server: Server) -> str:
    body = {"url": f"{server.receiver}{_fresh()}", "events": ["command.status"]}
    return _id(server.call("POST", "/subscriptions", body))


def _delivery(server: Server) -> str:
    subscription = _subscription(server)
    _command(server)
    path = f"/subscriptions/{subscription}/deliveries?state=delivered"
    deliveries = _first(lambda: server.call("GET", path)["items"])
    return f"{subscription} {_id(deliveries[0])}"


def _token(server: Server) -> str:
    body = {"name": "to go", "permissions": ["devices:read"]}
    return _id(server.call("POST", "/tokens", body))


def _scope(server: Server) -> str:
    return _id(server.call("POST", "/scopes", {"name": f"tenant {_fresh()}"}))


def _deleted_scope(server: Server) -> str:
    scope = _scope(server)
    server.call("DELETE", f"/scopes/{scope}")
    return scope


def _id(thing: dict[str, str]) -> str:
    return thing["id"]


#: What an id is of, by the command around it; the first that fits. Each command gets a
#: thing of its own, in a state in which it can be done.
_MAKERS: tuple[tuple[str, Callable[[Server], str]], ...] = (
    (r"commands release", _held_command),
    (r"commands cancel ID +# or never", _held_command),
    (r"commands (result|retry)|commands/\d+/retry", _answered_command),
    (r"^curl -s \$S/commands/\d+ -H", _shown_command),
    (r"pushserver commands|--last-event-id|/commands/\d|/commands/cancel", _command),
    (r"operations/\d+/notifications.* -d ", _open_operation),
    (r"operations show", _finished_operation),
    (r"pushserver operations|/operations/\d", _operation),
    (r"tasks resume", _paused_task),
    (r"tasks retry", _failed_task),
    (r"tasks follow", _ended_task),
    (r"pushserver tasks|/tasks/\d", _task),
    (r"upgrades resume", _paused_upgrade),
    (r"upgrades retry", _failed_upgrade),
    (r"upgrades (show|follow)|/upgrades/\d", _newest_upgrade),
    (r"pushserver upgrades", _upgrade),
    (r"subscriptions redeliver", _delivery),
    (r"deliveries\?state=delivered", lambda server: _delivery(server).split()[0]),
    (r"pushserver subscriptions|/subscriptions/\d", _subscription),
    (r"devices adopt", _stranger),
    (r"pushserver devices", _device),
    (r"tokens revoke|/tokens/\d|--actor", _token),
    (r"audit --scope", _deleted_scope),
    (r"scopes delete|/scopes/\d", _scope),
)
