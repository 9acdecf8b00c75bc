"""A program over the client that openapi-python-client makes."""

import sys
from io import BytesIO
from typing import Any, TypeVar

from httpx import Timeout
from pushserver_client import AuthenticatedClient
from pushserver_client.api.commands import (
    enqueue,
    enqueue_batch,
    enqueue_bytes,
    get_command,
    list_commands_of_device,
)
from pushserver_client.api.operations import begin_operation, get_operation
from pushserver_client.api.results import list_results
from pushserver_client.api.shadows import patch_shadow
from pushserver_client.api.subscriptions import (
    change_subscription,
    delete_subscription,
    make_subscription,
)
from pushserver_client.api.tasks import get_task, make_task
from pushserver_client.api.upgrades import list_devices_of_upgrade, make_upgrade
from pushserver_client.models import (
    Command,
    CommandInput,
    Commands,
    CommandState,
    DeviceUpgrades,
    DryRun,
    EventName,
    Operation,
    OperationInput,
    PatchShadowBody,
    PhasesInput,
    Problem,
    Results,
    Shadow,
    StepInput,
    Subscription,
    SubscriptionInput,
    SubscriptionInputTags,
    SubscriptionPatch,
    TargetsInput,
    Task,
    TaskInput,
    Upgrade,
    UpgradeInput,
    VerifyInput,
)
from pushserver_client.types import UNSET, File

T = TypeVar("T")


def checked(answer: Any, kind: type[T]) -> T:
    """Return an answer, which is of this kind."""
    assert isinstance(answer, kind), answer
    return answer


def commands(client: AuthenticatedClient, device: str) -> None:
    """Enqueue one, many and bytes; wait, and list page by page."""
    load = CommandInput(endpoint="load_objects", body={"object": "users"})
    one = enqueue.sync(device, client=client, body=load, prefer="wait=20")
    assert checked(one, Command).state is CommandState.COMMAND_STATE_SUCCESSFUL
    steps = [load, CommandInput(endpoint="reboot", expires_in=600)]
    many = checked(enqueue_batch.sync(device, client=client, body=steps), Commands)
    photo = File(payload=BytesIO(b"\x00\xff"))
    raw = enqueue_bytes.sync(
        device, client=client, body=photo, endpoint="user_set_image"
    )
    assert checked(raw, Command).body == "AP8="
    for command in (*many.items, raw):
        shown = get_command.sync(command.id, client=client, wait=20)
        assert checked(shown, Command).state is CommandState.COMMAND_STATE_SUCCESSFUL
    seen, cursor = [], UNSET
    while True:
        page = list_commands_of_device.sync(
            device, client=client, limit=3, cursor=cursor
        )
        seen += checked(page, Commands).items
        cursor = page.next_cursor
        if not cursor:
            break
    assert len({command.id for command in seen}) == len(seen) == 4
    results = checked(list_results.sync(client=client, cursor="0"), Results)
    assert {command.id for command in seen} == {r.command_id for r in results.items}
    unknown = get_command.sync("1", client=client)
    assert checked(unknown, Problem).status == 404


def fleet(client: AuthenticatedClient, device: str) -> None:
    """Begin an operation, a task and an upgrade, and say what should be."""
    step, targets = StepInput(endpoint="reboot"), TargetsInput(device_ids=[device])
    operation = begin_operation.sync(
        client=client, body=OperationInput(device_id=device, steps=[step])
    )
    operation_id = checked(operation, Operation).id
    assert checked(get_operation.sync(operation_id, client=client), Operation).steps
    preview = TaskInput(targets=targets, steps=[step], dry_run=True)
    assert checked(make_task.sync(client=client, body=preview), DryRun).devices == 1
    request = TaskInput(targets=targets, steps=[step], stop_after_failures="5%")
    task = checked(make_task.sync(client=client, body=request), Task)
    assert checked(get_task.sync(task.id, client=client), Task).counts
    verify = VerifyInput(
        command=StepInput(endpoint="system_information"), version_pointer="/version"
    )
    phases = PhasesInput(download=[step], apply=[step], verify=verify)
    upgrade = UpgradeInput(targets=targets, target_version="5.15.2", phases=phases)
    made = checked(make_upgrade.sync(client=client, body=upgrade), Upgrade)
    parts = list_devices_of_upgrade.sync(made.id, client=client)
    assert [device] == [part.device_id for part in checked(parts, DeviceUpgrades).items]
    desired = PatchShadowBody.from_dict({"general": {"language": "en_US"}})
    shadow = patch_shadow.sync(device, client=client, body=desired)
    service = checked(shadow, Shadow).services.additional_properties["general"]
    assert service.desired.to_dict() == {"language": "en_US"}


def subscriptions(client: AuthenticatedClient) -> None:
    """Subscribe, take a filter away, and unsubscribe."""
    request = SubscriptionInput(
        url="https://receiver.example/events",
        events=[EventName.EVENT_NAME_COMMAND_STATUS],
        tags=SubscriptionInputTags.from_dict({"site": ["north"]}),
    )
    made = checked(make_subscription.sync(client=client, body=request), Subscription)
    assert made.secret
    changed = change_subscription.sync(
        made.id, client=client, body=SubscriptionPatch(tags=None)
    )
    assert checked(changed, Subscription).tags is UNSET
    deleted = delete_subscription.sync_detailed(made.id, client=client)
    assert deleted.status_code == 204


if __name__ == "__main__":
    url, token, device_id = sys.argv[1:]
    with AuthenticatedClient(base_url=url, token=token, timeout=Timeout(60)) as session:
        commands(session, device_id)
        fleet(session, device_id)
        subscriptions(session)
