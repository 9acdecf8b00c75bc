"""What programs and devices do while somebody looks."""

import json
import urllib.request
from typing import Any

from tests.program import Program


def api(
    program: Program, method: str, path: str, body: Any = None, *, waits: bool = False
) -> Any:
    """Call the API; return what it answers."""
    request = urllib.request.Request(  # noqa: S310 - of this machine
        f"{program.url}/api/v1{path}",
        method=method,
        data=None if body is None else json.dumps(body).encode(),
        headers={
            "Authorization": f"Bearer {program.token}",
            "Content-Type": "application/json",
            # It is answered when what it is about is done.
            **({"Prefer": "wait=10"} if waits else {}),
        },
    )
    with urllib.request.urlopen(request, timeout=15) as answer:  # noqa: S310 - likewise
        read = answer.read()
    return json.loads(read) if read else None


def poll(program: Program, device_id: int, address: str | None = None) -> bytes:
    """Poll as a device, from an address if the server trusts who says so."""
    request = urllib.request.Request(  # noqa: S310 - of this machine
        f"{program.url}/push?deviceId={device_id}",
        headers={} if address is None else {"X-Forwarded-For": address},
    )
    with urllib.request.urlopen(request, timeout=15) as answer:  # noqa: S310 - likewise
        return bytes(answer.read())


def make_rollouts(program: Program, device_id: int, name: str) -> dict[str, str]:
    """Make an operation, a task, an upgrade and a subscription, all called *name*."""
    step = {"endpoint": "system_information"}
    plan = {"name": name, "targets": {"deviceIds": [str(device_id)]}}
    phases = {
        "download": [step],
        "apply": [{"endpoint": "reboot"}],
        "verify": {"command": step, "versionPointer": "/version"},
    }
    asked = {"deviceId": str(device_id), "resource": name, "steps": []}
    bodies = {
        "operation": asked,
        "task": plan | {"steps": [step]},
        "upgrade": plan | {"targetVersion": name, "phases": phases},
        "subscription": {
            "url": "http://127.0.0.1:9/",
            "events": ["*"],
            "description": name,
        },
    }
    made = {
        f"{kind}_id": str(api(program, "POST", f"/{kind}s", body)["id"])
        for kind, body in bodies.items()
    }
    path = f"/operations/{made['operation_id']}/notifications"
    api(program, "POST", path, {"progress": 40, "message": name})
    return made


def post_result(program: Program, device_id: int, body: bytes) -> None:
    """Post a result as a device: of what is in flight, or else an orphan."""
    request = urllib.request.Request(  # noqa: S310 - of this machine
        f"{program.url}/result?deviceId={device_id}", data=body
    )
    with urllib.request.urlopen(request, timeout=15):  # noqa: S310 - likewise
        pass
