"""Which devices a command is for: one, those that a filter matches, or all."""

from collections.abc import AsyncIterator
from typing import Any, Self

import attrs

from pushserver.errors import Forbidden, Invalid
from pushserver.model.device import DeviceIdentity, DeviceState
from pushserver.model.target import TargetDevice, TargetSelector
from pushserver.model.token import Permission
from pushserver.web.console.device_search import DeviceSearch, parse_device_search
from pushserver.web.console.page import SignedInCall

ONE, MATCHING, ALL = "one", "matching", "all"
#: How many ids are shown where they are all meant.
SHOWN_IDS = 20


@attrs.define
class ExpectedDevices:
    """
    How many devices are meant, and how many of them poll.

    `next_poll_at`: when the first and the last of those is expected.
    """

    count: int = 0
    online: int = 0
    next_poll_at: tuple[int, int] | None = None

    @classmethod
    async def among(cls, devices: AsyncIterator[TargetDevice]) -> Self:
        """Count *devices*, of which there may be very many."""
        expected = cls()
        async for each in devices:
            expected.count += 1
            expected.online += each.online
            if each.online and each.next_poll_at is not None:
                times = (*(expected.next_poll_at or ()), each.next_poll_at)
                expected.next_poll_at = min(times), max(times)
        return expected


@attrs.frozen(kw_only=True)
class Target:
    """
    One device, by `identity`, or those that `selector` selects.

    `expected` tells of those that are known and adopted. `json` is how the API names
    them, as far as it is shown; `words` how the command line does.
    """

    identity: DeviceIdentity | None = None
    selector: TargetSelector | None = None
    expected: ExpectedDevices
    json: dict[str, Any]
    words: str

    @property
    def confirmation(self) -> str:
        """What is typed before what destroys: the id, or how many devices."""
        return self.words if self.identity is not None else str(self.expected.count)


async def find_target(call: SignedInCall, kind: str, typed: str) -> Target:
    """
    Return the devices that are meant.

    Raises:
        Invalid: nothing is selected, or nobody knows what is typed.
        NotFound: the token does not concern the device.
        Forbidden: it runs no tasks, or what is typed asks for what it does not see.
    """
    if kind == ONE:
        return await _one(call, typed)
    if kind not in (MATCHING, ALL):
        raise Invalid("to must be one, matching or all.", pointer="/to")
    if not call.may(Permission.OPERATIONS_WRITE):
        raise Forbidden("For many devices the permission operations:write is needed.")
    search = parse_device_search(typed if kind == MATCHING else "")
    if search.unknown or (kind == MATCHING and search.is_for_all):
        raise Invalid("This is no filter of devices.", pointer="/who")
    selector, as_json, words = await _selector(call, search)
    services = call.services
    selector = await services.token_reach.narrow_targets(call.token, selector)
    preview = services.task_creator.preview_targets(call.scope_id, selector)
    expected = await ExpectedDevices.among(preview)
    return Target(selector=selector, expected=expected, json=as_json, words=words)


async def _one(call: SignedInCall, typed: str) -> Target:
    services = call.services
    identity = services.protocols.identify(typed, "/who")
    device_id = identity.device_id
    selector = TargetSelector(device_ids=[device_id])
    await services.token_reach.narrow_targets(call.token, selector)
    is_known = services.devices.find_adopted(call.scope_id, device_id) is not None
    preview = services.task_creator.preview_targets(call.scope_id, selector)
    expected = ExpectedDevices()
    if is_known:
        expected = await ExpectedDevices.among(preview)
    shown = services.protocols.display_id(device_id)
    return Target(identity=identity, expected=expected, json={}, words=shown)


async def _selector(
    call: SignedInCall, search: DeviceSearch
) -> tuple[TargetSelector, dict[str, Any], str]:
    """Return the selector, how the API names it, and how the command line does."""
    if search == DeviceSearch():
        return TargetSelector(), {"all": True}, "all"
    pairs = [(key, value) for key, values in search.tags.items() for value in values]
    if search == DeviceSearch(tags=search.tags) and len(pairs) == len(search.tags):
        tags = dict(pairs)
        words = ",".join(f"tag:{key}={value}" for key, value in pairs)
        return TargetSelector(tags=tags), {"tags": tags}, words
    if not call.may(Permission.DEVICES_READ):
        # How many match tells what devices are called.
        raise Forbidden("To find devices by more than tags needs devices:read.")
    ids = await _matching_ids(call, search)
    shown = [call.services.protocols.display_id(each) for each in ids[:SHOWN_IDS]]
    shown += ["…"] * (len(ids) > SHOWN_IDS)
    return TargetSelector(device_ids=ids), {"deviceIds": shown}, ",".join(shown)


async def _matching_ids(call: SignedInCall, search: DeviceSearch) -> list[int]:
    criteria = attrs.evolve(call.narrow(search.criteria()), state=DeviceState.ADOPTED)
    found = await call.services.device_list.ids(
        call.scope_id, criteria, online=search.online
    )
    if not found:
        raise Invalid("The targets select no adopted device.", pointer="/who")
    return found
