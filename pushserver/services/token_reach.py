"""What a restricted token reaches: some devices, and what belongs to them alone."""

from collections.abc import Mapping
from functools import partial
from typing import Any

import attrs

from pushserver.errors import Invalid
from pushserver.fair_turns import FairTurns
from pushserver.model.device_filter import DeviceFilter
from pushserver.model.subscription import Subscription
from pushserver.model.target import TargetSelector
from pushserver.model.token import Token
from pushserver.services.device_registry import DeviceRegistry
from pushserver.services.off_loop import in_pieces

#: What so many kinds of tokens concern is kept for the next call.
_MAX_KEPT = 4


@attrs.define(eq=False, repr=False)
class TokenReach:
    """
    Tells which devices of its scope a token concerns.

    Tags count as they are now: a device that gets them is reached from then on.
    """

    devices: DeviceRegistry
    _turn: FairTurns = attrs.field(factory=FairTurns, init=False)
    _found: dict[object, tuple[int, frozenset[int]]] = attrs.field(
        factory=dict, init=False
    )

    def reaches(self, token: Token, device_id: int | None) -> bool:
        """Tell whether the token concerns a device, or what is of no device."""
        if not token.is_restricted:
            return True
        if device_id is None:
            return False
        if token.device_ids is not None and device_id not in token.device_ids:
            return False
        if token.tags is None:
            return True
        device = self.devices.find(token.scope_id, device_id)
        return device is not None and TargetSelector(tags=token.tags).has_tags(device)

    def narrow_filter(self, token: Token, criteria: DeviceFilter) -> DeviceFilter:
        """Return the filter of those devices alone that the token concerns."""
        among, tags = criteria.among, dict(criteria.tags)
        if token.device_ids is not None:
            ids = token.device_ids
            among = ids if among is None else ids.intersection(among)
        for key, value in (token.tags or {}).items():
            tags[key] = {value}.intersection(tags.get(key, {value}))
        return attrs.evolve(criteria, among=among, tags=tags)

    async def device_ids(self, token: Token) -> frozenset[int] | None:
        """
        Return the devices that the token concerns; None means any.

        They may be very many: tokens that concern the same share them.
        """
        if not token.is_restricted:
            return None
        if token.tags is None:
            return token.device_ids
        key = token.scope_id, frozenset(token.tags.items()), token.device_ids
        async with self._turn:
            version = self.devices.tags_version
            found = self._found.pop(key, None)
            if found is None or found[0] != version:
                found = version, await self._find(token)
            self._found[key] = found
            if len(self._found) > _MAX_KEPT:
                del self._found[next(iter(self._found))]
        return found[1]

    async def _find(self, token: Token) -> frozenset[int]:
        criteria = self.narrow_filter(token, DeviceFilter())
        devices = self.devices.iter_matching(token.scope_id, criteria)
        return frozenset({device.device_id async for device in devices})

    async def narrow_targets(
        self, token: Token, targets: TargetSelector
    ) -> TargetSelector:
        """
        Return the targets that the token reaches; `all` means all that it reaches.

        Raises:
            Invalid: one is named that it does not reach, or it reaches none.
        """
        if not token.is_restricted:
            return targets
        if targets.device_ids is not None:
            async for device_id in in_pieces(targets.device_ids):
                self._check_target(token, device_id)
            return targets
        tags = {**(token.tags or {}), **(targets.tags or {})}
        narrowed = TargetSelector(tags=tags)
        is_none = not (token.tags or {}).items() <= tags.items()
        if not is_none and token.device_ids is not None:
            find = partial(self.devices.find_adopted, token.scope_id)
            found = map(find, sorted(token.device_ids))
            ids = [d.device_id for d in found if d and narrowed.has_tags(d)]
            narrowed, is_none = TargetSelector(device_ids=ids), not ids
        if is_none:
            raise Invalid("No adopted device is meant.", pointer="/targets")
        return narrowed

    def _check_target(self, token: Token, device_id: int) -> None:
        if not self.reaches(token, device_id):
            raise Invalid(
                f"There is no adopted device {device_id}.",
                pointer="/targets/deviceIds",
            )


def reaches_subscription(token: Token, subscription: Subscription) -> bool:
    """Tell whether a subscription is sent nothing but what the token reaches."""
    ids = subscription.device_ids
    has_ids = token.device_ids is None or (ids is not None and ids <= token.device_ids)
    return has_ids and _tags_of(token).items() <= (subscription.tags or {}).items()


def _tags_of(token: Token) -> dict[str, frozenset[str]]:
    """Return the tags that a token concerns, as a filter."""
    return {key: frozenset({value}) for key, value in (token.tags or {}).items()}


def narrow_subscription(token: Token, settings: Mapping[str, Any]) -> dict[str, Any]:
    """
    Return the filters of a subscription, so that it is sent what the token reaches.

    *settings* are those that are given.

    Raises:
        Invalid: they name devices or tags that it does not reach.
    """
    narrowed = dict(settings)
    if token.device_ids is not None:
        ids = settings.get("device_ids") or token.device_ids
        if not ids <= token.device_ids:
            raise Invalid("Your token concerns other devices.", pointer="/deviceIds")
        narrowed["device_ids"] = ids
    if token.tags is not None:
        own_tags = _tags_of(token)
        tags = own_tags | (settings.get("tags") or {})
        if not own_tags.items() <= tags.items():
            raise Invalid("Your token concerns other tags.", pointer="/tags")
        narrowed["tags"] = tags
    return narrowed
