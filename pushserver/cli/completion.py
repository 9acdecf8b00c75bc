"""`pushserver completion`, and what a shell asks for at each press of Tab.

The shell knows commands and options from the script that `completion` prints. For
values it asks the program, which asks the server: shortly, and silently without one.
"""

import http.client
import json
import os
import threading
from collections.abc import Container, Iterable, Mapping
from contextlib import suppress
from pathlib import Path
from typing import TYPE_CHECKING, Literal
from urllib.parse import urlencode, urlsplit

from pushserver.cli.context import CliContext, InjectedContext
from pushserver.cli.printing.values import strip_unprintable
from pushserver.errors import PushServerError

if TYPE_CHECKING:
    from cyclopts.completion._engine import CompletionContext

#: Seconds for which a press of Tab waits for a server.
PATIENCE = 1.0
#: How many there may be to choose from.
MAX_CANDIDATES = 200
#: The most bytes of an answer that are looked at.
_MAX_ANSWER = 16 * 1024 * 1024
#: Why there is nothing to choose from, which nobody wants to read at a press of Tab.
_NO_ANSWER = (
    OSError,
    http.client.HTTPException,
    PushServerError,
    ValueError,
    RecursionError,
)
#: Names of parameters, and whose ids they take: a path of the API, and which field says
#: to people what is meant.
_LISTS = {
    "device": ("devices", "name"),
    "command": ("commands", "endpoint"),
    "operation": ("operations", "resource"),
    "task": ("tasks", "name"),
    "upgrade": ("upgrades", "name"),
    "subscription": ("subscriptions", "url"),
    "token": ("tokens", "name"),
    "actor": ("tokens", "name"),
    "scope": ("scopes", "name"),
}


#: What a script lacks to complete anything, whether it is in a folder or sourced.
_ENDS = {
    "zsh": """\
if [[ $zsh_eval_context[-1] == loadautofunc ]]; then
  _cyclopts_pushserver "$@"
else
  compdef _cyclopts_pushserver pushserver
fi"""
}


def completion(
    shell: Literal["bash", "zsh", "fish"], /, *, context: InjectedContext
) -> int:
    """
    Print what a shell needs to complete commands, options, ids and other values.

    Parameters
    ----------
    shell
        For bash: `source <(pushserver completion bash)`, in ~/.bashrc.
    """
    # It loads every command, and only this one needs that.
    from pushserver.cli import add_launcher, build_app  # noqa: PLC0415

    app = build_app()
    add_launcher(app, context.environ)
    context.print_line(app.generate_completion(shell=shell) + _ENDS.get(shell, ""))
    return 0


def complete(context: "CompletionContext") -> Iterable[tuple[str, str]]:
    """Return what may stand where the cursor is, each with what it means."""
    argument = context.argument
    name = [*argument.names, argument.name][0].strip("-").lower().replace("-", "_")
    siblings = {each for other in context.arguments for each in other.names}
    fixed = argument.get_choices(force=True) or _known_values(name, siblings)
    if fixed:
        return [(each, "") for each in fixed]
    if "Path" in str(argument.hint):
        return [(each, "") for each in _paths(context.incomplete)]
    singular = name.removesuffix("s").removesuffix("_id")
    takes_text = "str" in str(argument.hint)
    if not takes_text or singular not in _LISTS:
        return ()
    server, token = _given(context, "server"), _given(context, "token")
    return ask_server(*_LISTS[singular], server=server, token=token)


def _given(context: "CompletionContext", option: str) -> str | None:
    """Return the value of an option that stands on the line."""
    found = context.get(f"--{option}")
    return None if found is None else found.raw


def ask_server(
    kind: str,
    meaning: str,
    environ: Mapping[str, str] = os.environ,
    *,
    server: str | None = None,
    token: str | None = None,
) -> list[tuple[str, str]]:
    """Return the newest ids of a kind; none if there is no server, or it refuses."""
    found: list[tuple[str, str]] = []

    def ask() -> None:
        with suppress(*_NO_ANSWER):
            context = CliContext.from_flags(
                environ, server=server, token=token, json=False
            )
            content = _fetch(context, f"/api/v1/{kind}")
            found.extend(_candidates(content, kind, meaning))

    # A name that does not resolve, or an answer that trickles, heeds no timeout.
    thread = threading.Thread(target=ask, daemon=True)
    thread.start()
    thread.join(PATIENCE)
    return [] if thread.is_alive() else found


def _candidates(content: bytes, kind: str, meaning: str) -> list[tuple[str, str]]:
    """Return the ids that a shell can show, each with what it means, in one line."""
    id_name = "deviceId" if kind == "devices" else "id"
    page = json.loads(content)
    items = page.get("items") if isinstance(page, dict) else None
    listed = items[:MAX_CANDIDATES] if isinstance(items, list) else []
    ids = [
        (each[id_name], " ".join(str(each.get(meaning, "")).split()))
        for each in listed
        if isinstance(each, dict) and isinstance(each.get(id_name), str)
    ]
    return [(id_, strip_unprintable(text)) for id_, text in ids if id_.isprintable()]


def _fetch(context: CliContext, path: str) -> bytes:
    """Ask with what is at hand: to load the client takes longer than the answer."""
    url = urlsplit(context.server)
    is_tls = url.scheme == "https"
    connect = http.client.HTTPSConnection if is_tls else http.client.HTTPConnection
    connection = connect(url.netloc, timeout=PATIENCE)
    limit = {"limit": MAX_CANDIDATES} if path.endswith(_PAGED) else {}
    try:
        connection.request(
            "GET",
            f"{url.path.rstrip('/')}{path}?{urlencode(limit)}",
            headers={"Authorization": f"Bearer {context.token}"},
        )
        content = connection.getresponse().read(_MAX_ANSWER + 1)
        return content if len(content) <= _MAX_ANSWER else b"{}"
    finally:
        connection.close()


#: Lists that come by pages.
_PAGED = ("devices", "commands", "operations", "tasks", "upgrades")


def _known_values(name: str, siblings: Container[str]) -> list[str]:
    """
    Return the values of a parameter of which the program itself knows all.

    *siblings* are the names of the command's parameters: what has a state can be told
    by them.
    """
    # They are loaded when somebody presses Tab, and by no command.
    from pushserver.cli.task_options import SHOWN_STATES  # noqa: PLC0415
    from pushserver.model.audit import AuditAction, TargetKind  # noqa: PLC0415
    from pushserver.model.device import DeviceState  # noqa: PLC0415
    from pushserver.model.event import EventType  # noqa: PLC0415
    from pushserver.model.operation import OperationStatus  # noqa: PLC0415
    from pushserver.model.state import CommandState  # noqa: PLC0415
    from pushserver.model.subscription import WebhookState  # noqa: PLC0415
    from pushserver.model.token import Permission  # noqa: PLC0415
    from pushserver.model.upgrade import (  # noqa: PLC0415
        DeviceUpgradeResult,
        DeviceUpgradeState,
    )

    states: Mapping[str, Iterable[str]] = {
        "--endpoint": CommandState,
        "--created-by": SHOWN_STATES,
        "--result": ("waiting", *DeviceUpgradeState),
        "SUBSCRIPTION_ID": WebhookState,
    }
    known: Mapping[str, Iterable[str]] = {
        "permission": Permission,
        "event": EventType,
        "status": OperationStatus,
        "result": DeviceUpgradeResult,
        "action": AuditAction,
        "target_kind": TargetKind,
        "state": next(
            (each for sibling, each in states.items() if sibling in siblings),
            DeviceState,
        ),
    }
    return [*known.get(name, ())]


def _paths(begin: str) -> list[str]:
    """Return the files and folders whose paths begin so."""
    folder, _, name = begin.rpartition("/")
    folder = f"{folder}/" if "/" in begin else ""
    found = Path(folder or ".").glob(f"{name}*") if "*" not in name else ()
    return sorted(f"{folder}{p.name}{'/' if p.is_dir() else ''}" for p in found)
