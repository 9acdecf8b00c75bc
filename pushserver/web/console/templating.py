"""Makes pages of the templates beside this file."""

import secrets
import threading
from collections.abc import Iterable
from functools import cache, partial
from pathlib import Path

from jinja2 import Environment, FileSystemLoader, StrictUndefined, Template

from pushserver import __version__
from pushserver.model.operation import OperationStatus
from pushserver.model.state import CommandState
from pushserver.model.subscription import SubscriptionHealth, WebhookState
from pushserver.model.task import TaskState
from pushserver.model.token import Permission
from pushserver.model.upgrade import DeviceUpgradeState
from pushserver.services.off_loop import run_in_thread
from pushserver.web.console.static import static_files
from pushserver.web.console.translations import catalogues

THEMES = ("auto", "light", "dark")
TEMPLATES = Path(__file__).parent / "templates"
#: The menu: the key of its text, where it leads, and which permission that needs.
NAVIGATION = (
    ("overview", "", None),
    ("devices", "/devices", Permission.DEVICES_READ),
    ("send", "/send", Permission.COMMANDS_WRITE),
    ("commands", "/commands", Permission.COMMANDS_READ),
    ("results", "/results", Permission.RESULTS_READ),
    ("operations", "/operations", Permission.OPERATIONS_READ),
    ("tasks", "/tasks", Permission.OPERATIONS_READ),
    ("upgrades", "/upgrades", Permission.OPERATIONS_READ),
    ("subscriptions", "/subscriptions", Permission.SUBSCRIPTIONS_READ),
)
#: The menu of those who run the server: about a whole scope, for no restricted token.
ADMINISTRATION = (
    ("tokens", "/tokens", Permission.TOKENS_WRITE),
    ("scopes", "/scopes", Permission.ADMIN),
    ("audit", "/audit", Permission.ADMIN),
    ("system", "/system", Permission.DEVICES_READ),
)
#: What a badge of a state looks like: its colour and its shape.
TONES = {
    CommandState.PENDING: "wait",
    CommandState.SENT: "busy",
    CommandState.DELIVERED: "busy",
    CommandState.SUCCESSFUL: "good",
    CommandState.FAILED: "bad",
    CommandState.TIMEOUT: "warn",
    CommandState.EXPIRED: "warn",
    CommandState.CANCELED: "off",
    "online": "good",
    "late": "warn",
    "offline": "bad",
    "unseen": "off",
    "quarantined": "hold",
    "inSync": "good",
    "failed": "bad",
    OperationStatus.RUNNING: "busy",
    OperationStatus.COMPLETED: "good",
    OperationStatus.STALE: "warn",
    TaskState.PAUSED: "hold",
    "waiting": "wait",
    DeviceUpgradeState.IDLE: "off",
    DeviceUpgradeState.DOWNLOADING: "busy",
    DeviceUpgradeState.DOWNLOADED: "busy",
    DeviceUpgradeState.UPDATING: "busy",
    SubscriptionHealth.ACTIVE: "good",
    SubscriptionHealth.PAUSED: "warn",
    SubscriptionHealth.DISABLED: "off",
    WebhookState.PENDING: "wait",
    WebhookState.DELIVERED: "good",
    WebhookState.DEAD: "bad",
}


@cache
def environment() -> Environment:
    """Return what makes pages."""
    made = Environment(
        loader=FileSystemLoader(TEMPLATES),
        autoescape=True,
        undefined=StrictUndefined,
        auto_reload=False,
        trim_blocks=True,
        lstrip_blocks=True,
    )
    made.globals.update(
        languages=catalogues(),
        navigation=NAVIGATION,
        new_key=partial(secrets.token_urlsafe, 18),
        administration=ADMINISTRATION,
        states=[*CommandState],
        tones=TONES,
        themes=THEMES,
        version=__version__,
    )
    made.filters["headings"] = lambda names, formats: [
        ("", formats.foreign(name, 40)) for name in names
    ]
    made.filters["present"] = lambda given: {
        name: value for name, value in given.items() if value not in (None, False)
    }
    made.filters["asset"] = lambda name: static_files()[name].name
    return made


#: What each page is made of.
_FRAME = ("base.html", "ui.html")
_COMPILED: set[str] = set()


async def compiled_template(name: str) -> Template:
    """
    Return a template, compiled in a thread when it is first used.

    That takes up to 60 ms, in which the loop would serve nobody. Whoever sees a first
    page soon sees others: these are compiled meanwhile.
    """
    if name not in _COMPILED:
        await run_in_thread(_compile, (*_FRAME, name))
        _compile_all()
    return environment().get_template(name)


def _compile(names: Iterable[str]) -> None:
    for name in names:
        environment().get_template(name)
        _COMPILED.add(name)


@cache
def _compile_all() -> None:
    """Begin to compile the rest, once."""
    names = environment().list_templates()
    threading.Thread(
        target=_compile, args=(names,), name="templates", daemon=True
    ).start()
