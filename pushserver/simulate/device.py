"""One simulated terminal: it polls, does what it is told, and posts what came of it."""

import asyncio
from contextlib import suppress
from random import Random

import aiohttp
import attrs
import msgspec

from pushserver.simulate.firmware import INSTALL, LOAD, REBOOT, Firmware
from pushserver.simulate.habits import Habits
from pushserver.simulate.journal import Journal
from pushserver.simulate.line import Line
from pushserver.simulate.order import Order, Outcome, written

#: What else a terminal sends when it is configured for more than Push, or wrongly.
STRAYS: tuple[tuple[str, dict[str, object]], ...] = (
    ("/api/notifications/device_is_alive", {"access_logs": 0}),
    ("/api/notifications/door", {"door": {"id": 1, "open": True}}),
    ("/api/notifications/dao", {"object_changes": []}),
    ("/new_user_identified.fcgi", {}),
    ("/session_is_valid.fcgi", {}),
)
#: What tells that the server is away, or holds a request for too long.
AWAY = (aiohttp.ClientError, OSError)
OK = 200


@attrs.define(kw_only=True, eq=False)
class Device:
    """
    A terminal with its habits.

    `poll`, `take`, `execute`, `post` and `answer` do one thing each, without quirks,
    for tests; `turn` is one round of a terminal left alone, and `run` is all of them.
    """

    device_id: int
    line: Line
    habits: Habits = attrs.field()
    journal: Journal = attrs.field(factory=Journal)
    rng: Random = attrs.field()
    firmware: Firmware = attrs.field()
    #: Whether nothing is lost when the device is switched off now.
    resting: bool = attrs.field(default=True, init=False)
    _owed: list[tuple[Order, Outcome]] = attrs.field(factory=list, init=False)
    _quiet: float = attrs.field(default=0.0, init=False)

    @habits.default
    def _of_line(self) -> Habits:
        return self.line.habits

    @rng.default
    def _seeded(self) -> Random:
        return Random(f"0:{self.device_id}")  # noqa: S311 - it must repeat

    @firmware.default
    def _fresh(self) -> Firmware:
        return Firmware(device_id=self.device_id, clock=self.journal.clock)

    @property
    def period(self) -> float:
        """Seconds between two polls of an idle device."""
        return self.firmware.configuration.number("push_request_period", 60)

    @property
    def hold_timeout(self) -> float:
        """Seconds that the device waits for the answer to a poll."""
        return self.firmware.configuration.number("push_request_timeout", 15_000) / 1000

    async def poll(self, *, within: float | None = None) -> Order | None:
        """
        Ask for a command; None when there is none.

        Raises:
            TimeoutError: the server held the poll longer than the device waits.
        """
        uuid = None if self.habits.no_uuid else f"{self.rng.getrandbits(64):016x}"
        query = {"deviceId": self.device_id, "uuid": uuid}
        self.journal.count("polls")
        within = within or self.hold_timeout
        status, body = await self.line.get("/push", query, within=within)
        if status != OK:
            self.journal.count("refusedPolls")
            return None
        order = Order.read(body, uuid=uuid)
        if order:
            self.journal.enter("received", self.device_id, order)
        elif body:
            self.journal.count("unreadableAnswers")
        return order

    async def take(self) -> Order:
        """
        Poll for a command that is there for certain.

        Raises:
            LookupError: it is not.
        """
        order = await self.poll()
        if order is None:
            raise LookupError(f"There is no command for {self.device_id}.")
        return order

    async def execute(self, order: Order) -> Outcome:
        """Do what is ordered, and take the time that it takes."""
        outcome = self._upgraded(order) or self.firmware.run(order)
        self.journal.enter("executed", self.device_id, order, said=outcome.said)
        slow = self.rng.uniform(0.2, 2.0) if self._strikes("slow_commands") else 0.0
        if outcome.after or slow:
            await asyncio.sleep(outcome.after + slow)
        return outcome

    def _upgraded(self, order: Order) -> Outcome | None:
        """Let firmware be refused, or the device restart with it unheard."""
        if order.endpoint == LOAD and self._strikes("failed_loads"):
            return Outcome(error="No space left for the firmware", code=28)
        if order.endpoint == INSTALL and self._strikes("lost_installs"):
            done = self.firmware.run(order)
            return done if done.error else Outcome(silent=True, quiet=REBOOT)
        return None

    async def post(self, order: Order, outcome: Outcome, *, kind: str = "") -> int:
        """Send a result; return the status, which firmware does not look at."""
        endpoint = None if self.habits.no_endpoint else order.endpoint
        query = {"deviceId": self.device_id, "uuid": order.uuid, "endpoint": endpoint}
        body, content_type = written(outcome, self.habits)
        if self.habits.empty_results and order.endpoint == "modify_objects":
            body, content_type = b"", None
        try:
            status = await self.line.post("/result", query, body, content_type)
        except AWAY:
            self.journal.enter("undeliveredResults", self.device_id, order)
            raise
        taken = "error" if outcome.error is not None else "response"
        event = (kind or taken) if status == OK else "refusedResults"
        self.journal.enter(
            event, self.device_id, order, said=outcome.said, status=status
        )
        return status

    async def answer(self, order: Order, outcome: Outcome | None = None) -> int:
        """Execute *order* (or take *outcome* for it) and post the result."""
        return await self.post(order, outcome or await self.execute(order))

    def goes_quiet(self, seconds: float) -> None:
        """Stop polling for a while, as a terminal does that starts anew."""
        self._quiet = max(self._quiet, seconds)

    async def run(self, stop: asyncio.Event) -> None:
        """Poll until *stop*; each device begins somewhere within its period."""
        await asyncio.sleep(self.rng.uniform(0, self.period))
        while not stop.is_set():
            started = asyncio.get_running_loop().time()
            if not await self._round():
                await self._pause(started)

    async def turn(self) -> bool:
        """Do one round; return whether the next one follows at once."""
        if self._strikes("stray_calls"):
            await self._call_elsewhere()
        order = await self._poll_as_usual()
        self.resting = False
        paid = await self._pay()
        if order is None:
            return paid
        if self._strikes("lost_answers"):
            self.journal.enter("lostAnswers", self.device_id, order)
            return False
        return await self._report(order, await self.execute(order))

    async def settle(self) -> None:
        """Post what is still owed, before the device is switched off."""
        with suppress(*AWAY):
            await self._pay()

    async def _round(self) -> bool:
        """Do one round, whatever the network does."""
        try:
            return await self.turn()
        except AWAY:
            self.journal.count("unreachable")
            return False
        finally:
            self.resting = True

    async def _pause(self, started: float) -> None:
        """Wait for the rest of the period, and for what quiet is due."""
        passed = asyncio.get_running_loop().time() - started
        pause = max(0.0, self.period - passed, self._quiet)
        self._quiet = 0.0
        await asyncio.sleep(pause)

    async def _poll_as_usual(self) -> Order | None:
        """Poll; a server that holds it too long is no news, and some hang up."""
        hangs_up = self._strikes("hang_ups")
        within = self.rng.uniform(0.05, 1.0) if hangs_up else None
        try:
            return await self.poll(within=within)
        except TimeoutError:
            self.journal.count("hangUps" if hangs_up else "timeouts")
            return None

    async def _report(self, order: Order, outcome: Outcome) -> bool:
        """
        Post a result as this device's habits have it: once, twice, late or never.

        Returns whether the device polls again at once.
        """
        if outcome.silent:
            self.journal.enter("silent", self.device_id, order)
            self.goes_quiet(outcome.quiet)
        elif self._strikes("lost_results"):
            self.journal.enter("lostResults", self.device_id, order)
        elif self._strikes("late_results"):
            self._owed.append((order, outcome))
        else:
            await self.post(order, outcome)
            if self._strikes("doubled_results"):
                await self.post(order, outcome, kind="doubledResults")
        return not outcome.silent

    async def _pay(self) -> bool:
        """Post the results that are late by now; return whether there were any."""
        owed, self._owed = self._owed, []
        for order, outcome in owed:
            await self.post(order, outcome, kind="lateResults")
        return bool(owed)

    async def _call_elsewhere(self) -> None:
        path, body = self.rng.choice(STRAYS)
        self.journal.count("strayCalls")
        body = {**body, "device_id": self.device_id}
        path = f"{path}?device_id={self.device_id}"
        await self.line.stray(path, msgspec.json.encode(body))

    def _strikes(self, habit: str) -> bool:
        chance: float = getattr(self.habits, habit)
        return chance > 0 and self.rng.random() < chance
