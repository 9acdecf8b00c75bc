"""One simulated terminal: it polls, executes commands and posts their results."""

import asyncio
from contextlib import suppress
from random import Random

import aiohttp
import attrs
import msgspec

from pushserver.simulate.firmware import (
    FIRMWARE_INSTALL,
    FIRMWARE_LOAD,
    REBOOT_SECONDS,
    Firmware,
)
from pushserver.simulate.http import DeviceHttpClient
from pushserver.simulate.journal import Journal
from pushserver.simulate.messages import ExecutionResult, ReceivedCommand, encode_result
from pushserver.simulate.quirks import Quirks

#: What a terminal also sends if it is configured for more than Push, or wrongly.
UNKNOWN_REQUESTS: tuple[tuple[str, dict[str, object]], ...] = (
    ("/api/notifications/device_is_alive", {"access_logs": 0}),
    ("/api/notifications/door", {"door": {"id": 1, "open": True}}),
    ("/api/notifications/dao", {"object_changes": []}),
    ("/new_user_identified.fcgi", {}),
    ("/session_is_valid.fcgi", {}),
)
#: Raised if the server is away or holds a request for too long.
NETWORK_ERRORS = (aiohttp.ClientError, OSError)
HTTP_OK = 200


@attrs.define(kw_only=True, eq=False)
class SimulatedDevice:
    """
    A terminal with its quirks.

    `poll`, `poll_command`, `execute`, `post_result` and `execute_and_post` do one thing
    each, without quirks, for tests; `run_once` is one round of an unattended terminal,
    `run` repeats it.
    """

    device_id: int
    http: DeviceHttpClient
    quirks: Quirks = attrs.field()
    journal: Journal = attrs.field(factory=Journal)
    rng: Random = attrs.field()
    firmware: Firmware = attrs.field()
    #: Whether switching the device off now loses nothing.
    is_idle: bool = attrs.field(default=True, init=False)
    _late_results: list[tuple[ReceivedCommand, ExecutionResult]] = attrs.field(
        factory=list, init=False
    )
    _offline_for: float = attrs.field(default=0.0, init=False)

    @quirks.default
    def _default_quirks(self) -> Quirks:
        return self.http.quirks

    @rng.default
    def _default_rng(self) -> Random:
        return Random(f"0:{self.device_id}")  # noqa: S311 - it must repeat

    @firmware.default
    def _default_firmware(self) -> Firmware:
        return Firmware(device_id=self.device_id, clock=self.journal.clock)

    @property
    def period(self) -> float:
        """Seconds between two polls of an idle device."""
        return self.firmware.configuration.push_setting("push_request_period", 60)

    @property
    def hold_timeout(self) -> float:
        """Seconds that the device waits for the answer to a poll."""
        return (
            self.firmware.configuration.push_setting("push_request_timeout", 15_000)
            / 1000
        )

    async def poll(self, *, max_wait: float | None = None) -> ReceivedCommand | None:
        """
        Ask for a command; None when there is none.

        Raises:
            TimeoutError: the server held the poll longer than the device waits.
        """
        uuid = None if self.quirks.no_uuid else f"{self.rng.getrandbits(64):016x}"
        query = {"deviceId": self.device_id, "uuid": uuid}
        self.journal.count_event("polls")
        max_wait = max_wait or self.hold_timeout
        status, body = await self.http.get("/push", query, max_wait=max_wait)
        if status != HTTP_OK:
            self.journal.count_event("refusedPolls")
            return None
        command = ReceivedCommand.parse(body, uuid=uuid)
        if command:
            self.journal.record("received", self.device_id, command)
        elif body:
            self.journal.count_event("unreadableAnswers")
        return command

    async def poll_command(self) -> ReceivedCommand:
        """
        Poll for a command that is certain to be there.

        Raises:
            LookupError: there is none.
        """
        command = await self.poll()
        if command is None:
            raise LookupError(f"There is no command for {self.device_id}.")
        return command

    async def execute(self, command: ReceivedCommand) -> ExecutionResult:
        """Execute *command*, which may take time."""
        result = self._apply_firmware_quirks(command) or self.firmware.execute(command)
        self.journal.record("executed", self.device_id, command, payload=result.payload)
        extra_delay = (
            self.rng.uniform(0.2, 2.0) if self._draw_quirk("slow_commands") else 0.0
        )
        if result.delay or extra_delay:
            await asyncio.sleep(result.delay + extra_delay)
        return result

    def _apply_firmware_quirks(
        self, command: ReceivedCommand
    ) -> ExecutionResult | None:
        """Refuse a firmware, or restart with it before answering, by chance."""
        if command.endpoint == FIRMWARE_LOAD and self._draw_quirk("failed_loads"):
            return ExecutionResult(error="No space left for the firmware", code=28)
        if command.endpoint == FIRMWARE_INSTALL and self._draw_quirk("lost_installs"):
            installed = self.firmware.execute(command)
            return (
                installed
                if installed.error
                else ExecutionResult(no_result=True, offline_for=REBOOT_SECONDS)
            )
        return None

    async def post_result(
        self,
        command: ReceivedCommand,
        result: ExecutionResult,
        *,
        success_event: str = "",
    ) -> int:
        """Post a result; return the status, which real firmware ignores."""
        endpoint = None if self.quirks.no_endpoint else command.endpoint
        query = {"deviceId": self.device_id, "uuid": command.uuid, "endpoint": endpoint}
        body, content_type = encode_result(result, self.quirks)
        if self.quirks.empty_results and command.endpoint == "modify_objects":
            body, content_type = b"", None
        try:
            status = await self.http.post("/result", query, body, content_type)
        except NETWORK_ERRORS:
            self.journal.record("undeliveredResults", self.device_id, command)
            raise
        default_event = "error" if result.error is not None else "response"
        event = (
            (success_event or default_event) if status == HTTP_OK else "refusedResults"
        )
        self.journal.record(
            event, self.device_id, command, payload=result.payload, status=status
        )
        return status

    async def execute_and_post(
        self, command: ReceivedCommand, result: ExecutionResult | None = None
    ) -> int:
        """Execute *command* (or take *result* for it) and post the result."""
        return await self.post_result(command, result or await self.execute(command))

    def stop_polling_for(self, seconds: float) -> None:
        """Stop polling for a while, as a rebooting terminal does."""
        self._offline_for = max(self._offline_for, seconds)

    async def run(self, stop: asyncio.Event) -> None:
        """Poll until *stop*, beginning at a random point of the period."""
        await asyncio.sleep(self.rng.uniform(0, self.period))
        while not stop.is_set():
            started = asyncio.get_running_loop().time()
            if not await self._run_once_safely():
                await self._wait_for_next_poll(started)

    async def run_once(self) -> bool:
        """Do one round; return whether the next one follows at once."""
        if self._draw_quirk("stray_calls"):
            await self._send_unknown_request()
        command = await self._poll_with_quirks()
        self.is_idle = False
        posted_late = await self._post_late_results()
        if command is None:
            return posted_late
        if self._draw_quirk("lost_answers"):
            self.journal.record("lostAnswers", self.device_id, command)
            return False
        return await self._post_with_quirks(command, await self.execute(command))

    async def post_late_results(self) -> None:
        """Post the delayed results before the device is switched off."""
        with suppress(*NETWORK_ERRORS):
            await self._post_late_results()

    async def _run_once_safely(self) -> bool:
        """Do one round, and survive network errors."""
        try:
            return await self.run_once()
        except NETWORK_ERRORS:
            self.journal.count_event("unreachable")
            return False
        finally:
            self.is_idle = True

    async def _wait_for_next_poll(self, started: float) -> None:
        """Wait for the rest of the period, or longer while offline."""
        passed = asyncio.get_running_loop().time() - started
        pause = max(0.0, self.period - passed, self._offline_for)
        self._offline_for = 0.0
        await asyncio.sleep(pause)

    async def _poll_with_quirks(self) -> ReceivedCommand | None:
        """Poll, maybe hang up early; a poll that is held too long brings nothing."""
        hangs_up = self._draw_quirk("hang_ups")
        max_wait = self.rng.uniform(0.05, 1.0) if hangs_up else None
        try:
            return await self.poll(max_wait=max_wait)
        except TimeoutError:
            self.journal.count_event("hangUps" if hangs_up else "timeouts")
            return None

    async def _post_with_quirks(
        self, command: ReceivedCommand, result: ExecutionResult
    ) -> bool:
        """
        Post a result as the device's quirks have it: once, twice, late or never.

        Returns whether the device polls again at once.
        """
        if result.no_result:
            self.journal.record("silent", self.device_id, command)
            self.stop_polling_for(result.offline_for)
        elif self._draw_quirk("lost_results"):
            self.journal.record("lostResults", self.device_id, command)
        elif self._draw_quirk("late_results"):
            self._late_results.append((command, result))
        else:
            await self.post_result(command, result)
            if self._draw_quirk("doubled_results"):
                await self.post_result(command, result, success_event="doubledResults")
        return not result.no_result

    async def _post_late_results(self) -> bool:
        """Post the delayed results; return whether there were any."""
        late_results, self._late_results = self._late_results, []
        for command, result in late_results:
            await self.post_result(command, result, success_event="lateResults")
        return bool(late_results)

    async def _send_unknown_request(self) -> None:
        path, body = self.rng.choice(UNKNOWN_REQUESTS)
        self.journal.count_event("strayCalls")
        body = {**body, "device_id": self.device_id}
        path = f"{path}?device_id={self.device_id}"
        await self.http.post_unknown_request(path, msgspec.json.encode(body))

    def _draw_quirk(self, quirk: str) -> bool:
        chance: float = getattr(self.quirks, quirk)
        return chance > 0 and self.rng.random() < chance
