"""The groups of calls; what they take, return and raise is said of their coroutines."""

from __future__ import annotations

from typing import TYPE_CHECKING, Unpack

from pushserver.client import (
    access,
    blobs,
    commands,
    devices,
    events,
    operations,
    rollouts,
    subscriptions,
)
from pushserver.client.sync.blocking import Blocking, BlockingCalls, BlockingIterator

if TYPE_CHECKING:
    from collections.abc import Iterator

    from pushserver.client.types import StreamEvent, StreamEventsQuery


class TokenCalls(BlockingCalls):
    """List, create and revoke tokens."""

    list = Blocking(access.TokenCalls.list)
    create = Blocking(access.TokenCalls.create)
    revoke = Blocking(access.TokenCalls.revoke)


class ScopeCalls(BlockingCalls):
    """List, create and delete scopes."""

    list = Blocking(access.ScopeCalls.list)
    create = Blocking(access.ScopeCalls.create)
    create_token = Blocking(access.ScopeCalls.create_token)
    delete = Blocking(access.ScopeCalls.delete)


class AuditCalls(BlockingCalls):
    """List who did what."""

    list = Blocking(access.AuditCalls.list)
    iterate = BlockingIterator(access.AuditCalls.iterate)


class BlobCalls(BlockingCalls):
    """Upload and download bytes."""

    upload = Blocking(blobs.BlobCalls.upload)
    download = Blocking(blobs.BlobCalls.download)


class CommandCalls(BlockingCalls):
    """Enqueue, list, cancel and retry commands, and wait for them."""

    enqueue = Blocking(commands.CommandCalls.enqueue)
    enqueue_many = Blocking(commands.CommandCalls.enqueue_many)
    enqueue_bytes = Blocking(commands.CommandCalls.enqueue_bytes)
    wait = Blocking(commands.CommandCalls.wait)
    list = Blocking(commands.CommandCalls.list)
    iterate = BlockingIterator(commands.CommandCalls.iterate)
    get = Blocking(commands.CommandCalls.get)
    result = Blocking(commands.CommandCalls.result)
    cancel = Blocking(commands.CommandCalls.cancel)
    cancel_all = Blocking(commands.CommandCalls.cancel_all)
    cancel_many = Blocking(commands.CommandCalls.cancel_many)
    release = Blocking(commands.CommandCalls.release)
    retry = Blocking(commands.CommandCalls.retry)


class ResultCalls(BlockingCalls):
    """List results, also those that belong to no command."""

    list = Blocking(commands.ResultCalls.list)
    iterate = BlockingIterator(commands.ResultCalls.iterate)
    follow = BlockingIterator(commands.ResultCalls.follow)


class DeviceCalls(BlockingCalls):
    """Create, adopt, change, import, export and delete devices."""

    list = Blocking(devices.DeviceCalls.list)
    iterate = BlockingIterator(devices.DeviceCalls.iterate)
    get = Blocking(devices.DeviceCalls.get)
    put = Blocking(devices.DeviceCalls.put)
    patch = Blocking(devices.DeviceCalls.patch)
    delete = Blocking(devices.DeviceCalls.delete)
    adopt = Blocking(devices.DeviceCalls.adopt)
    create_key = Blocking(devices.DeviceCalls.create_key)
    create_keys = Blocking(devices.DeviceCalls.create_keys)
    import_file = Blocking(devices.DeviceCalls.import_file)
    export_file = BlockingIterator(devices.DeviceCalls.export_file)


class ShadowCalls(BlockingCalls):
    """Read shadows and change what is desired, of one device or of many."""

    get = Blocking(devices.ShadowCalls.get)
    update_desired = Blocking(devices.ShadowCalls.update_desired)
    refresh = Blocking(devices.ShadowCalls.refresh)
    update_desired_of_many = Blocking(devices.ShadowCalls.update_desired_of_many)
    preview_desired_of_many = Blocking(devices.ShadowCalls.preview_desired_of_many)


class OperationCalls(BlockingCalls):
    """Create, list, cancel and await operations; read and add their notifications."""

    create = Blocking(operations.OperationCalls.create)
    list = Blocking(operations.OperationCalls.list)
    iterate = BlockingIterator(operations.OperationCalls.iterate)
    get = Blocking(operations.OperationCalls.get)
    wait = Blocking(operations.OperationCalls.wait)
    cancel = Blocking(operations.OperationCalls.cancel)
    add_notification = Blocking(operations.OperationCalls.add_notification)
    notifications = Blocking(operations.OperationCalls.notifications)
    iterate_notifications = BlockingIterator(
        operations.OperationCalls.iterate_notifications
    )


class TaskCalls(BlockingCalls):
    """Create tasks, wait for them, and change their course."""

    get = Blocking(rollouts.TaskCalls.get)
    wait = Blocking(rollouts.TaskCalls.wait)
    pause = Blocking(rollouts.TaskCalls.pause)
    resume = Blocking(rollouts.TaskCalls.resume)
    cancel = Blocking(rollouts.TaskCalls.cancel)
    create = Blocking(rollouts.TaskCalls.create)
    preview = Blocking(rollouts.TaskCalls.preview)
    list = Blocking(rollouts.TaskCalls.list)
    iterate = BlockingIterator(rollouts.TaskCalls.iterate)
    devices = Blocking(rollouts.TaskCalls.devices)
    iterate_devices = BlockingIterator(rollouts.TaskCalls.iterate_devices)
    retry = Blocking(rollouts.TaskCalls.retry)


class UpgradeCalls(BlockingCalls):
    """Create upgrades, follow their devices, wait for them and change their course."""

    get = Blocking(rollouts.UpgradeCalls.get)
    wait = Blocking(rollouts.UpgradeCalls.wait)
    pause = Blocking(rollouts.UpgradeCalls.pause)
    resume = Blocking(rollouts.UpgradeCalls.resume)
    cancel = Blocking(rollouts.UpgradeCalls.cancel)
    create = Blocking(rollouts.UpgradeCalls.create)
    preview = Blocking(rollouts.UpgradeCalls.preview)
    list = Blocking(rollouts.UpgradeCalls.list)
    iterate = BlockingIterator(rollouts.UpgradeCalls.iterate)
    devices = Blocking(rollouts.UpgradeCalls.devices)
    iterate_devices = BlockingIterator(rollouts.UpgradeCalls.iterate_devices)
    retry = Blocking(rollouts.UpgradeCalls.retry)


class SubscriptionCalls(BlockingCalls):
    """Create, change and delete subscriptions; read and repeat their deliveries."""

    create = Blocking(subscriptions.SubscriptionCalls.create)
    list = Blocking(subscriptions.SubscriptionCalls.list)
    get = Blocking(subscriptions.SubscriptionCalls.get)
    update = Blocking(subscriptions.SubscriptionCalls.update)
    delete = Blocking(subscriptions.SubscriptionCalls.delete)
    ping = Blocking(subscriptions.SubscriptionCalls.ping)
    rotate_secret = Blocking(subscriptions.SubscriptionCalls.rotate_secret)
    enable = Blocking(subscriptions.SubscriptionCalls.enable)
    disable = Blocking(subscriptions.SubscriptionCalls.disable)
    deliveries = Blocking(subscriptions.SubscriptionCalls.deliveries)
    iterate_deliveries = BlockingIterator(
        subscriptions.SubscriptionCalls.iterate_deliveries
    )
    redeliver = Blocking(subscriptions.SubscriptionCalls.redeliver)
    recover = Blocking(subscriptions.SubscriptionCalls.recover)


class EventCalls(BlockingCalls):
    """Read events as they happen: `for event in client.events():`."""

    follow = BlockingIterator(events.EventCalls.follow)

    def __call__(
        self, *, last_event_id: str | None = None, **query: Unpack[StreamEventsQuery]
    ) -> Iterator[StreamEvent]:
        """Do as `follow` does."""
        return self.follow(last_event_id=last_event_id, **query)
