"""A program over the Python client that openapi-generator makes."""

import sys

import pytest
from pushserver_generated import ApiClient, Configuration
from pushserver_generated.api import (
    CommandsApi,
    OperationsApi,
    ResultsApi,
    ShadowsApi,
    SubscriptionsApi,
    TasksApi,
    UpgradesApi,
)
from pushserver_generated.exceptions import NotFoundException
from pushserver_generated.models import (
    CommandInput,
    CommandState,
    EventName,
    OperationInput,
    PhasesInput,
    StepInput,
    SubscriptionInput,
    SubscriptionPatch,
    TargetsInput,
    TaskInput,
    UpgradeInput,
    VerifyInput,
)

DONE = CommandState.COMMAND_STATE_SUCCESSFUL


def commands(client: ApiClient, device: str) -> None:
    """Enqueue one, many and bytes; wait, and list page by page."""
    api, load = (
        CommandsApi(client),
        CommandInput(endpoint="load_objects", body={"a": 1}),
    )
    assert api.enqueue(device, load, prefer="wait=20").state is DONE
    many = api.enqueue_batch(device, [load, CommandInput(endpoint="reboot")]).items
    photo = api.enqueue_bytes(device, "user_set_image", b"\x00\xff")
    assert photo.body == "AP8="
    for command in (*many, photo):
        assert api.get_command(command.id, wait=20).state is DONE
    page = api.list_commands_of_device(device, limit=3)
    seen = list(page.items)
    while page.next_cursor:
        page = api.list_commands_of_device(device, limit=3, cursor=page.next_cursor)
        seen += page.items
    assert len({command.id for command in seen}) == len(seen) == 4
    results = ResultsApi(client).list_results(cursor="0").items
    assert {command.id for command in seen} == {each.command_id for each in results}
    with pytest.raises(NotFoundException) as caught:
        api.get_command("1")
    assert caught.value.data.status == 404


def fleet(client: ApiClient, device: str) -> None:
    """Begin an operation, a task and an upgrade, and say what should be."""
    step, targets = StepInput(endpoint="reboot"), TargetsInput(device_ids=[device])
    operations, tasks = OperationsApi(client), TasksApi(client)
    operation = operations.begin_operation(
        OperationInput(device_id=device, steps=[step])
    )
    assert operations.get_operation(operation.id).steps
    task = tasks.make_task(
        TaskInput(targets=targets, steps=[step], stop_after_failures="5%")
    )
    assert tasks.get_task(task.id).devices == 1
    verify = VerifyInput(
        command=StepInput(endpoint="system_information"), version_pointer="/version"
    )
    phases = PhasesInput(download=[step], apply=[step], verify=verify)
    upgrades = UpgradesApi(client)
    upgrade = upgrades.make_upgrade(
        UpgradeInput(targets=targets, target_version="5.15.2", phases=phases)
    )
    parts = upgrades.list_devices_of_upgrade(upgrade.id).items
    assert [device] == [part.device_id for part in parts]
    desired = {"general": {"language": "en_US"}}
    shadow = ShadowsApi(client).patch_shadow(device, desired)
    assert shadow.services["general"].desired == desired["general"]


def subscriptions(client: ApiClient) -> None:
    """Subscribe, take a filter away, and unsubscribe."""
    api = SubscriptionsApi(client)
    made = api.make_subscription(
        SubscriptionInput(
            url="https://receiver.example/events",
            events=[EventName.EVENT_NAME_COMMAND_STATUS],
            tags={"site": ["north"]},
        )
    )
    assert made.secret
    assert api.change_subscription(made.id, SubscriptionPatch(tags=None)).tags is None
    api.delete_subscription(made.id)


if __name__ == "__main__":
    url, token, device_id = sys.argv[1:]
    with ApiClient(Configuration(host=url, access_token=token)) as session:
        commands(session, device_id)
        fleet(session, device_id)
        subscriptions(session)
