"""What a protocol of devices has to know: the seam behind which each vendor lives.

A protocol recognises requests, renders commands, reads results and knows its
endpoints. It decides nothing about lanes, stores or who is served, and it keeps no
state: everything here is a pure function of what is handed in.
"""

import enum
import hashlib
from collections.abc import Mapping, Sequence
from typing import NamedTuple, Protocol

from pushserver.errors import Invalid
from pushserver.model.command import Delivery
from pushserver.model.device import DeviceIdentity
from pushserver.model.guarantee import EndpointDefaults
from pushserver.model.ids import MAX_INT64
from pushserver.model.order import Order
from pushserver.model.parsed_result import ParsedResult
from pushserver.model.shadow import ServiceProtocol

#: What a query parameter of an order may be given as.
Scalar = str | int | float | bool
MAX_EXTERNAL_ID_LENGTH = 200


class RequestKind(enum.Enum):
    """What a device wants with a request."""

    POLL = "poll"
    RESULT = "result"


class DeviceRequest(NamedTuple):
    """
    A poll or a result, recognised; empty parameters count as left out.

    `key` is the device's key, where the request has one. `uuid` is what ties a result
    to the delivery it answers, and `endpoint` names the command that was run.
    """

    kind: RequestKind
    device: DeviceIdentity
    key: str | None = None
    uuid: str | None = None
    endpoint: str | None = None


class HandedOut(NamedTuple):
    """A command to be rendered into an answer: its order and its delivery."""

    order: Order
    delivery: Delivery


class ResultPart(NamedTuple):
    """What one posted body says of one command."""

    uuid: str | None
    endpoint: str | None
    body: bytes


class DeviceProtocol(ServiceProtocol, Protocol):
    """
    How one vendor's devices talk, and what their endpoints are.

    `name` is stored with each device and never changes. `routes` are the plain paths,
    with their methods, that devices call all day: requests there skip the router.
    `content_type` is that of an answer with commands. `max_commands` is how many
    commands one answer may carry. With `labels_deliveries` the server, not the device,
    makes the uuid of each delivery: an answer carries it and a result brings it back.
    """

    @property
    def name(self) -> str:
        """Return the name of the protocol, stored with its devices."""

    @property
    def routes(self) -> Sequence[tuple[str, str]]:
        """Return method and path of the requests that skip the router."""

    @property
    def content_type(self) -> str:
        """Return the content type of an answer that carries commands."""

    @property
    def max_commands(self) -> int:
        """Return how many commands one answer may carry."""

    @property
    def labels_deliveries(self) -> bool:
        """Tell whether the server makes the uuids of deliveries."""

    # Devices and their requests

    def identify(self, external_id: str) -> DeviceIdentity:
        """
        Return whose id this is.

        Raises:
            Invalid: no device of this protocol has such an id.
        """

    def recognise(
        self, method: str, raw_path: str, headers: Mapping[str, str]
    ) -> DeviceRequest | None:
        """
        Return the poll or the result that this is, None if it is neither.

        *raw_path* has the query, and is not decoded.

        Raises:
            Malformed: it is one of them, but names no device.
        """

    def is_device_path(self, path: str) -> bool:
        """Tell whether devices also call this (decoded) path, for other reasons."""

    def find_sender(
        self, query: Mapping[str, str], body: bytes
    ) -> DeviceIdentity | None:
        """Return which device sent a request that is neither poll nor result."""

    # Commands and their results

    def make_order(
        self,
        *,
        endpoint: str,
        verb: str = "POST",
        body: bytes | None = None,
        content_type: str = "application/json",
        query_string: str | Mapping[str, Scalar] | None = None,
        metadata: bytes | None = None,
    ) -> Order:
        """
        Check what a program asks for and return it in the vendor's form.

        *body* and *metadata* are JSON texts.

        Raises:
            Invalid: a field has no form that a device would understand.
        """

    def endpoint_defaults(self, order: Order) -> EndpointDefaults:
        """Return guarantee, expiry and slowness of what the order asks for."""

    def render(self, handed_out: Sequence[HandedOut]) -> bytes:
        """Return the body that hands these commands out, at most `max_commands`."""

    def split_result(self, request: DeviceRequest, body: bytes) -> Sequence[ResultPart]:
        """
        Return what the body says, command by command; never nothing.

        It raises nothing: what cannot be told apart is one part.
        """

    def parse_result(self, body: bytes, content_encoding: str | None) -> ParsedResult:
        """Read one part's body; what cannot be read is an unreadable result."""

    def same_endpoint(self, reported: str, endpoint: str) -> bool:
        """Tell whether a device that reports *reported* means *endpoint*."""


def derive_identity(protocol: str, external_id: str) -> DeviceIdentity:
    """
    Return the identity of a device whose own id is a text.

    Lanes, rows and events are keyed by an int64. It is derived from the text, so that
    every server knows it without asking, also after the device was deleted.

    Raises:
        Invalid: the text is empty, too long, or cannot be shown.
    """
    if not (external_id.isprintable() and external_id.strip() == external_id != ""):
        raise Invalid("deviceId must be a printable text without spaces around it.")
    if len(external_id) > MAX_EXTERNAL_ID_LENGTH:
        raise Invalid(
            f"deviceId must have at most {MAX_EXTERNAL_ID_LENGTH} characters."
        )
    digest = hashlib.sha256(f"{protocol}:{external_id}".encode()).digest()
    device_id = int.from_bytes(digest[:8]) & MAX_INT64
    return DeviceIdentity(device_id, protocol, external_id)
