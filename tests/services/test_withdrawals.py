"""Commands of many devices are taken back."""

import asyncio

import pytest

from pushserver.model.scope import DEFAULT_SCOPE_ID
from pushserver.services import withdrawals
from pushserver.storage.history import CommandFilter
from tests.services.driver import ServiceDriver
from tests.web.local_server import wait_until


async def test_many_at_once(
    driver: ServiceDriver, monkeypatch: pytest.MonkeyPatch
) -> None:
    """
    Few calls have the ids of very many devices at once; one of few does not wait.
    """
    monkeypatch.setattr(withdrawals, "MANY_DEVICES", 3)
    for device in (1, 2, 3):
        await driver.enqueue("x", device=device)
    service, (end, counts) = driver.services.withdrawals, (asyncio.Event(), [0])
    withdraw_in_all = withdrawals.Withdrawals._withdraw_in_all

    async def hold(*args: object) -> withdrawals.WithdrawnCounts:
        counts.append(len(args[1]))  # type: ignore[arg-type]
        await end.wait()
        return await withdraw_in_all(*args)  # type: ignore[arg-type]

    monkeypatch.setattr(withdrawals.Withdrawals, "_withdraw_in_all", hold)

    async def withdraw(criteria: CommandFilter) -> int:
        find = service.withdraw_matching
        found = await find(DEFAULT_SCOPE_ID, criteria, is_dry_run=False)
        return found.total

    every, one = CommandFilter(), CommandFilter(device_id=1)
    async with asyncio.TaskGroup() as group:
        calls = [group.create_task(withdraw(every)) for _ in range(10)]
        await wait_until(lambda: counts.count(3) >= 4)
        few = group.create_task(withdraw(one))
        await wait_until(lambda: counts[-1] == 1)
        assert 4 == counts.count(3)
        end.set()

    assert 3 == sum(each.result() for each in (*calls, few))
