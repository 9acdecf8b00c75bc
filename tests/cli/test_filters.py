"""The command line has an option for whatever a list of the API can be asked for."""

import re

import pytest

from pushserver import cli
from pushserver.web.api import ROUTES
from pushserver.web.api.openapi.document import document

DOCUMENT = document(ROUTES)
#: The command that makes each call, by the call's name.
COMMANDS = {
    "listCommandsOfDevice": "commands list",
    "listCommands": "commands list",
    "listResults": "results",
    "exportDevices": "devices export",
    "listDevices": "devices list",
    "listOperations": "operations list",
    "listNotifications": "operations show",
    "listTasks": "tasks list",
    "listDevicesOfTask": "tasks devices",
    "listUpgrades": "upgrades list",
    "listDevicesOfUpgrade": "upgrades devices",
    "listDeliveries": "subscriptions deliveries",
    "streamEvents": "events",
    "listAudit": "audit",
}
#: Parameters that the command line uses by itself, and for what.
USED_ITSELF = {
    "cursor": "--all goes on from page to page",
    "wait": "--wait and --follow wait",
    "after": "--follow goes on after the last one",
}
#: Options that are called otherwise than their parameter.
OPTIONS = {
    "deviceId": "--device",
    "taskId": "--task",
    "operationId": "--operation",
    "targetId": "--target",
    "events": "--event",
    "q": "--search",
    "scopeId": "--scope",
}
#: Of these there is no command: metrics and the console show them.
FOR_PROGRAMS = {"getLatencies"}
#: All of an operation's notifications are shown with it.
ALL_SHOWN = {("listNotifications", "limit")}


def _calls() -> dict[str, set[str]]:
    """Return the parameters of each call that reads, as far as they are to be given."""
    found = {}
    for path in DOCUMENT["paths"].values():
        call = path.get("get", {})
        names = {p["name"] for p in call.get("parameters", ()) if "query" == p["in"]}
        if asked := names - USED_ITSELF.keys():
            found[call["operationId"]] = asked
    return found


CALLS = _calls()


def test_every_call_has_a_command() -> None:
    """
    Whatever can be asked for by a parameter is asked for by some command.
    """
    assert set(CALLS) - FOR_PROGRAMS == set(COMMANDS)


@pytest.mark.parametrize("call", COMMANDS)
def test_every_parameter_has_an_option(call: str) -> None:
    """
    Each filter, order and part that a call of the API knows is an option.
    """
    app = cli.build_app()
    for word in COMMANDS[call].split():
        app = app[word]
    options = {n for each in app.assemble_argument_collection() for n in each.names}
    needed = {
        OPTIONS.get(name, "--" + re.sub("([A-Z])", r"-\1", name).lower())
        for name in CALLS[call]
        if (call, name) not in ALL_SHOWN
    }

    assert set() == needed - options


@pytest.mark.parametrize("name", ["commands", "devices"])
def test_watch_takes_the_filters_of_list(name: str) -> None:
    """
    A live table is of what a list can be of.
    """
    lists = {"--limit", "--all", "--include", "--held"}
    lists |= {"--created-after", "--created-by"}
    app = cli.build_app()[name]
    of_list, of_watch = (
        {n for each in app[part].assemble_argument_collection() for n in each.names}
        for part in ("list", "watch")
    )

    assert set() == of_list - of_watch - lists
