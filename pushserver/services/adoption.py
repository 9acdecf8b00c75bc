"""Finds the device that a program enqueues to; adopts it if the program may."""

from pushserver.errors import NotFound
from pushserver.model.actor import SERVER, Actor
from pushserver.model.device import Device, DeviceIdentity
from pushserver.model.token import Permission, Token
from pushserver.services.cluster_sync import ClusterSync
from pushserver.services.fleet_admin import FleetAdmin


async def get_or_adopt_device(
    fleet: FleetAdmin,
    cluster_sync: ClusterSync,
    token: Token,
    identity: DeviceIdentity,
    actor: Actor = SERVER,
) -> Device:
    """
    Return the device of the token's scope, adopting it if the token may.

    Raises:
        NotFound: the scope has not adopted it, and the token may not.
        Conflict: it is adopted in another scope.
        Unavailable: the store is away.
    """
    devices, scope_id = fleet.devices, token.scope_id
    device = devices.find_adopted(scope_id, identity.device_id)
    if device is not None:
        return device
    if token.has_permission(Permission.DEVICES_WRITE):
        device, _ = await fleet.adopt(scope_id, identity, actor)
        return device
    # Another server may just have adopted it.
    await cluster_sync.catch_up()
    device = devices.find_adopted(scope_id, identity.device_id)
    if device is None:
        raise NotFound(f"There is no adopted device {identity.external_id}.")
    return device
