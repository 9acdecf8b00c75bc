"""Whether what a token has planned for a device still concerns it when it is due."""

from collections.abc import Iterable

import attrs

from pushserver.model.actor import Actor
from pushserver.services.device_sync import DeviceSync
from pushserver.services.token_reach import TokenReach
from pushserver.services.tokens import Tokens


@attrs.frozen(repr=False)
class PlanReach:
    """
    Refuses to begin what a token planned for a device that has left its reach since.

    A token that has expired concerns what it did. Of one that was revoked that is not
    known any more: what it made stays.
    """

    tokens: Tokens
    token_reach: TokenReach
    device_sync: DeviceSync

    def allows(self, planned_by: Actor, device_id: int) -> bool:
        """Tell a decision whether who planned something still reaches the device."""
        token = self.tokens.find_by_id(planned_by.token_id)
        return token is None or self.token_reach.reaches(token, device_id)

    async def catch_up(self, plans: Iterable[tuple[int | None, int]]) -> None:
        """
        Reread the devices of *plans*, given as (token, device), whose tags count.

        Another server may just have given them those tags, or taken them.
        """
        if not self.device_sync.store.is_shared:
            return
        ids = {device_id for token_id, device_id in plans if self._has_tags(token_id)}
        if ids:
            await self.device_sync.refresh(ids)

    def _has_tags(self, token_id: int | None) -> bool:
        token = self.tokens.find_by_id(token_id)
        return token is not None and token.tags is not None
