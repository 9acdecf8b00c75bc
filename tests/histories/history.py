"""A random history: programs and devices do what they may, and all is remembered."""

import asyncio
from collections.abc import Awaitable, Callable, Sequence
from contextlib import closing, suppress
from random import Random
from typing import Any

import attrs
from yarl import URL

from tests.histories.answers import Answer, answers_to, interrupted_post
from tests.histories.world import ORDERS, Delivery, Order, Terminal, World
from tests.web.local_server import LocalServer, wait_until

#: Within the grace, beyond it, beyond the response timeout.
_PAUSES = (0.1, 1, 6, 40, 200)
_DAY = 86_400
_KEYS = ("door", "time")


@attrs.define
class Stop:
    """
    The server stops here, and another one goes on over the same store.

    If it does amid an upload, `upload` is the device's end of the connection.
    """

    upload: tuple[asyncio.StreamReader, asyncio.StreamWriter] | None = None

    async def expect_refusal(self) -> None:
        """
        Expect that what was not there as a whole was not taken.

        A connection that the server had not seen yet is closed without an answer.
        """
        if self.upload is not None:
            reader, writer = self.upload
            with closing(writer), suppress(ConnectionResetError):
                answer = await reader.readline()
                assert not answer or b" 503 " in answer, answer


@attrs.define
class History:
    """
    The history of a seed, on devices that no other history has.

    `server` is the one that runs now; `tokens` are those of two scopes.
    """

    seed: int
    server: LocalServer
    tokens: Sequence[str]
    random: Random = attrs.field(init=False)
    world: World = attrs.field(factory=World, init=False)
    steps_left: int = attrs.field(init=False)
    _uuids: int = attrs.field(default=0, init=False)

    def __attrs_post_init__(self) -> None:
        self.random = Random(self.seed)  # noqa: S311 - it has to repeat
        self.steps_left = self.random.randint(20, 40)
        for number in range(self.random.randint(2, 3)):
            self.world.terminals[1 + 10 * self.seed + number] = None

    async def begin(self) -> None:
        """Create its devices."""
        for device_id in self.world.terminals:
            await self._create(device_id)

    async def run(self) -> Stop | None:
        """
        Take the steps that are left, then let everything end.

        Return early if the server has to be stopped; the next one goes on with it.
        """
        acts = (
            *9 * (self.enqueue,),
            *8 * (self.poll,),
            *6 * (self.answer,),
            *2 * (self.break_off,),
            *2 * (self.withdraw,),
            self.clear,
            *2 * (self.delete,),
            self.create,
            self.stop,
        )
        while self.steps_left:
            self.steps_left -= 1
            act: Callable[[], Awaitable[Stop | None]] = self.random.choice(acts)
            stop = await act()
            self.server.clock.tick(self.random.choice(_PAUSES))
            if stop is not None:
                return stop
            if self.random.random() < 0.3:
                await self.server.expire_overdue()
        await self._drain()
        await self._check()
        return None

    async def enqueue(self) -> None:
        """Order something of a device, perhaps in place of what waits."""
        terminal = self._any_terminal()
        if terminal is None:
            return await self.create()
        endpoint = self.random.choice(list(ORDERS))
        number = str(len(self.world.orders))
        command = {**ORDERS[endpoint], "endpoint": endpoint, "queryString": number}
        if self.random.random() < 0.4:
            command["supersede"] = self.random.choice(_KEYS)
        path = f"/devices/{terminal.device_id}/commands"
        enqueued = await self._api("POST", path, terminal.token, command)
        self.world.orders[number] = Order(enqueued["id"], endpoint, terminal)
        for order in self.world.orders.values():
            order.is_over |= order.command_id in enqueued.get("superseded", ())
        return None

    async def poll(self) -> None:
        """Let a device poll; where there is none it gets nothing."""
        device_id = self.random.choice(list(self.world.terminals))
        await self._poll(device_id)

    async def answer(self) -> None:
        """Let a device answer what it has, or had: rightly, again, or strangely."""
        answerable = self.world.answerable()
        if not answerable:
            return await self.poll()
        # Most answer what they were given last.
        any_of_all = self.random.choice(answerable)
        delivery = self.random.choice((*answerable[-3:], any_of_all))
        query, answer = self._query(delivery), self._any_answer(delivery)
        if self.world.distinguishes_uuids(delivery) and self.random.random() < 0.1:
            return await self._post(answer, f"{query}-of-another")
        if delivery in self.world.unmistakable() and self.random.random() < 0.2:
            query = query.partition("&")[0]
        if self.random.random() < 0.3:
            query += f"&endpoint={delivery.order.endpoint}"
        await self._post(answer, query)
        delivery.order.said.append(answer.said)
        if delivery.uuid and self.random.random() < 0.2:
            again = self._any_answer(delivery)
            await self._post(again, self._query(delivery))
            delivery.order.said.append(again.said)
        return None

    async def break_off(self) -> None:
        """Let the connection end amid an answer: nothing was said."""
        delivery = self._uploadable()
        if delivery is None:
            return await self.poll()
        kept = await self._count_results(delivery)

        async def is_kept() -> bool:
            return await self._count_results(delivery) > kept

        async with self.server.connect() as (_, writer):
            writer.write(self._piece(delivery))
            writer.close()
        await wait_until(is_kept)
        return None

    async def stop(self) -> Stop:
        """Stop the server, perhaps amid an upload."""
        delivery = self._uploadable()
        if delivery is None or self.random.random() < 0.3:
            return Stop()
        url = URL(self.server.url)
        reader, writer = await asyncio.open_connection(url.host, url.port)
        writer.write(self._piece(delivery))
        await writer.drain()
        # The server has it before it answers another one.
        await self.server.poll("deviceId=0")
        return Stop((reader, writer))

    async def withdraw(self) -> None:
        """Take an order back, if it still can be."""
        if not self.world.orders:
            return await self.enqueue()
        given = [each.order for each in self.world.answerable()[-2:]]
        order = self.random.choice([*given, *list(self.world.orders.values())[-3:]])
        path = f"/commands/{order.command_id}"
        answer = await self.server.api("DELETE", path, token=order.terminal.token)
        assert answer.status in (200, 409), answer.body
        order.is_over = True
        return None

    async def clear(self) -> None:
        """Take back all that a device has."""
        terminal = self._any_terminal()
        if terminal is None:
            return await self.create()
        path = f"/devices/{terminal.device_id}/commands"
        await self._api("DELETE", path, terminal.token)
        self._end_orders(terminal)
        return None

    async def delete(self) -> None:
        """Delete a device; nothing of it reaches its successor."""
        terminal = self._any_terminal()
        if terminal is None:
            return await self.create()
        await self._api("DELETE", f"/devices/{terminal.device_id}", terminal.token)
        self._end_orders(terminal)
        self.world.terminals[terminal.device_id] = None
        if self.random.random() < 0.7:
            await self._create(terminal.device_id)
        return None

    async def create(self) -> None:
        """Create a device where there is none, in any scope."""
        free = [key for key, value in self.world.terminals.items() if value is None]
        if free:
            await self._create(self.random.choice(free))

    async def _create(self, device_id: int) -> None:
        token = self.random.choice(self.tokens)
        await self._api("PUT", f"/devices/{device_id}", token, {})
        has_uuids = self.random.random() < 0.75
        self.world.terminals[device_id] = Terminal(device_id, token, has_uuids)

    async def _poll(self, device_id: int) -> None:
        terminal, uuid = self.world.terminals[device_id], None
        query = f"deviceId={device_id}"
        if terminal is not None and terminal.has_uuids:
            self._uuids += 1
            uuid = f"{self.seed}-{self._uuids}"
            query += f"&uuid={uuid}"
        answer = await self.server.poll(query)
        if answer.is_empty:
            return
        order = self.world.orders[answer.json()["queryString"]]
        assert terminal is not None, f"{order} was given to nobody's device"
        self.world.hand_out(order, terminal, uuid)

    async def _drain(self) -> None:
        """Let devices poll, and time pass, until nothing waits."""
        for pause in (6, 200) * 15 + (2 * _DAY,):
            for device_id in self.world.terminals:
                await self._poll(device_id)
            if self.random.random() < 0.4:
                await self.answer()
            self.server.clock.tick(pause)
            await self.server.expire_overdue()

    async def _check(self) -> None:
        for order in self.world.orders.values():
            path = f"/commands/{order.command_id}"
            self.world.check(order, await self._api("GET", path, order.terminal.token))

    async def _post(self, answer: Answer, query: str) -> None:
        headers = {"Content-Encoding": answer.encoding} if answer.encoding else {}
        taken = await self.server.post_result(answer.body, query, headers=headers)
        assert taken.is_empty, taken

    async def _api(
        self, method: str, path: str, token: str, body: Any = None
    ) -> dict[str, Any]:
        answer = await self.server.api(method, path, body, token=token)
        assert answer.status < 300, answer.body
        payload: dict[str, Any] = answer.json() if answer.body else {}
        return payload

    async def _count_results(self, delivery: Delivery) -> int:
        terminal = delivery.order.terminal
        path = f"/results?deviceId={terminal.device_id}&limit=1000"
        return len((await self._api("GET", path, terminal.token))["items"])

    def _any_answer(self, delivery: Delivery) -> Answer:
        return self.random.choice(answers_to(delivery.order.endpoint))

    def _any_terminal(self) -> Terminal | None:
        there = [each for each in self.world.terminals.values() if each]
        return self.random.choice(there) if there else None

    def _uploadable(self) -> Delivery | None:
        """Return a delivery of which a piece of an answer is kept."""
        known, there = self.world.answerable(), self.world.terminals.values()
        deliveries = [each for each in known if each.order.terminal in there]
        return self.random.choice(deliveries) if deliveries else None

    def _piece(self, delivery: Delivery) -> bytes:
        return interrupted_post(self._query(delivery), self.random)

    def _query(self, delivery: Delivery) -> str:
        uuid = f"&uuid={delivery.uuid}" if delivery.uuid else ""
        return f"deviceId={delivery.order.terminal.device_id}{uuid}"

    def _end_orders(self, terminal: Terminal) -> None:
        for order in self.world.orders.values():
            order.is_over |= order.terminal is terminal
