"""Which devices a command is for: one, those that a filter matches, or all."""

from collections.abc import Sequence
from typing import Any

import attrs

from pushserver.errors import Invalid
from pushserver.model.device import DeviceIdentity, DeviceState
from pushserver.model.device_filter import DeviceOrder
from pushserver.model.target import TargetDevice, TargetSelector
from pushserver.web.console.device_search import DeviceSearch, parse_device_search
from pushserver.web.console.page import SignedInCall

ONE, MATCHING, ALL = "one", "matching", "all"
#: The most devices of a filter that is more than one tag.
MAX_MATCHING = 1_000_000
#: How many ids are shown where they are all meant.
SHOWN_IDS = 20


@attrs.frozen(kw_only=True)
class Target:
    """
    One device, by `identity`, or those that `selector` selects.

    `devices` are those that are known and adopted. `json` is how the API names them, as
    far as it is shown; `words` how the command line does.
    """

    identity: DeviceIdentity | None = None
    selector: TargetSelector | None = None
    devices: Sequence[TargetDevice]
    json: dict[str, Any]
    words: str

    @property
    def online(self) -> int:
        """How many of the devices poll."""
        return sum(each.online for each in self.devices)

    @property
    def next_poll_at(self) -> tuple[int, int] | None:
        """When the first and the last of those is expected that poll."""
        times = [each.next_poll_at for each in self.devices if each.online]
        known = [each for each in times if each is not None]
        return (min(known), max(known)) if known else None

    @property
    def confirmation(self) -> str:
        """What is typed before what destroys: the id, or how many devices."""
        return self.words if self.identity is not None else str(len(self.devices))


async def find_target(call: SignedInCall, kind: str, typed: str) -> Target:
    """
    Return the devices that are meant.

    Raises:
        Invalid: nothing is selected, or nobody knows what is typed.
        NotFound: the token does not concern the device.
    """
    if kind == ONE:
        return await _one(call, typed)
    search = parse_device_search(typed if kind == MATCHING else "")
    if search.unknown or (kind == MATCHING and not typed):
        raise Invalid("This is no filter of devices.", pointer="/who")
    selector, as_json, words = await _selector(call, search)
    services = call.services
    selector = await services.token_reach.narrow_targets(call.token, selector)
    preview = services.task_creator.preview_targets(call.scope_id, selector)
    found = [each async for each in preview]
    return Target(selector=selector, devices=found, json=as_json, words=words)


async def _one(call: SignedInCall, typed: str) -> Target:
    services = call.services
    identity = services.protocols.identify(typed, "/who")
    device_id = identity.device_id
    selector = TargetSelector(device_ids=[device_id])
    await services.token_reach.narrow_targets(call.token, selector)
    is_known = services.devices.find_adopted(call.scope_id, device_id) is not None
    preview = services.task_creator.preview_targets(call.scope_id, selector)
    found = [each async for each in preview] if is_known else []
    shown = services.protocols.display_id(device_id)
    return Target(identity=identity, devices=found, json={}, words=shown)


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
    ids = await _matching_ids(call, search)
    shown = [call.services.protocols.display_id(each) for each in ids[:SHOWN_IDS]]
    shown += ["…"] * (len(ids) > SHOWN_IDS)
    return TargetSelector(device_ids=ids), {"deviceIds": shown}, ",".join(shown)


async def _matching_ids(call: SignedInCall, search: DeviceSearch) -> list[int]:
    criteria = attrs.evolve(call.narrow(search.criteria()), state=DeviceState.ADOPTED)
    found = await call.services.device_list.page(
        call.scope_id,
        criteria,
        DeviceOrder(),
        online=search.online,
        limit=MAX_MATCHING,
    )
    if not found:
        raise Invalid("The targets select no adopted device.", pointer="/who")
    return [device.device_id for _, device in found]
