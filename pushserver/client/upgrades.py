"""The calls of upgrades."""

from typing import Any

import attrs

from pushserver.client.transport import BaseClient, Json


@attrs.define
class UpgradeCalls(BaseClient):
    """Upgrades of what devices run."""

    async def create_upgrade(
        self,
        targets: Json,
        target_version: str,
        phases: Json,
        *,
        idempotency_key: str | None = None,
        **fields: Any,
    ) -> Json:
        """Create an upgrade; with `dryRun` only return which devices it is for."""
        body = {
            "targets": targets,
            "targetVersion": target_version,
            "phases": phases,
            **fields,
        }
        return await self._call(
            "POST", "upgrades", body=body, idempotency_key=idempotency_key
        )

    async def upgrades(self, **filters: Any) -> Json:
        """Return a page of upgrades, newest first."""
        return await self._call("GET", "upgrades", params=filters)

    async def upgrade(self, upgrade_id: str) -> Json:
        """Return one upgrade, how far it is, and what failed."""
        return await self._call("GET", "upgrades", upgrade_id)

    async def upgrade_devices(self, upgrade_id: str, **filters: Any) -> Json:
        """Return a page of an upgrade's devices, and how far each is."""
        return await self._call(
            "GET", "upgrades", upgrade_id, "devices", params=filters
        )

    async def pause_upgrade(self, upgrade_id: str) -> Json:
        """Begin with no further device until it is resumed."""
        return await self._call("POST", "upgrades", upgrade_id, "pause")

    async def resume_upgrade(self, upgrade_id: str) -> Json:
        """Go on with a paused upgrade."""
        return await self._call("POST", "upgrades", upgrade_id, "resume")

    async def cancel_upgrade(self, upgrade_id: str) -> Json:
        """Cancel an upgrade; steps in flight run to their end."""
        return await self._call("POST", "upgrades", upgrade_id, "cancel")

    async def retry_upgrade(self, upgrade_id: str) -> Json:
        """Begin anew on the devices that failed."""
        return await self._call("POST", "upgrades", upgrade_id, "retry")
