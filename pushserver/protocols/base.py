"""The interface of a vendor's protocol.

A protocol recognises requests, renders commands, parses results and knows its
endpoints. It decides nothing about lanes, stores or who is served, and keeps no state:
each method is a pure function of its arguments.
"""

import enum
import hashlib
from collections.abc import Mapping, Sequence
from typing import NamedTuple, Protocol

import attrs

from pushserver.errors import Invalid
from pushserver.model.command import Delivery
from pushserver.model.command_form import CommandForm
from pushserver.model.device import DeviceIdentity
from pushserver.model.guarantee import EndpointDefaults
from pushserver.model.ids import MAX_INT64
from pushserver.model.order import Order
from pushserver.model.parsed_result import MAX_SEARCHED, ParsedResult
from pushserver.model.secret_fields import SecretFields
from pushserver.model.shadow import ServiceProtocol

#: The types of a query parameter in a program's order.
Scalar = str | int | float | bool
MAX_EXTERNAL_ID_LENGTH = 200


class RequestKind(enum.Enum):
    """What a request of a device is."""

    POLL = "poll"
    RESULT = "result"


class UnknownRequestKind(enum.Enum):
    """
    What a device means with a request that is neither a poll nor a result.

    An empty 200 is an answer: it is given only where it is true. A notification asks
    for nothing more. A question is for somebody who decides, and nobody does so here.
    Another method at the address of polls and results gets what those would get.
    """

    NOTIFICATION = "notification"
    QUESTION = "question"
    OTHER_METHOD = "otherMethod"


class DeviceRequest(NamedTuple):
    """
    A poll or a result; empty parameters count as missing.

    `key` is the device's key, if the request has one. A result's `uuid` identifies the
    delivery that it answers, `endpoint` the command that was run.
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
    """What one posted body says about one command."""

    uuid: str | None
    endpoint: str | None
    body: bytes


class DeviceProtocol(ServiceProtocol, Protocol):
    """
    The protocol of one vendor's devices, with their endpoints and services.

    `name` is stored with each device and never changes. `routes` are the methods and
    paths that devices call most often: such requests skip the router. `content_type` is
    that of an answer with commands, `max_commands` how many it may carry. With
    `labels_deliveries` the server, not the device, makes the uuid of each delivery: the
    answer carries it, and the result returns it. With `sends_json_verbatim` a JSON body
    stands in an answer as it does in its order, so that a long one is sent in pieces.
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

    @property
    def sends_json_verbatim(self) -> bool:
        """Tell whether `render` writes JSON bodies as they are."""

    @property
    def forms(self) -> Sequence[CommandForm]:
        """Return the forms by which people ask for commands."""

    @property
    def secret_fields(self) -> SecretFields:
        """Return which fields of orders and results are masked where people look."""

    # Devices and their requests

    def identify(self, external_id: str) -> DeviceIdentity:
        """
        Return the identity of the device with this id.

        Raises:
            Invalid: no device of this protocol has such an id.
        """

    def recognise(
        self, method: str, raw_path: str, headers: Mapping[str, str]
    ) -> DeviceRequest | None:
        """
        Return the poll or the result that this is, None if it is neither.

        *raw_path* includes the query, and is not decoded.

        Raises:
            Malformed: it is one of them, but without a valid device id.
        """

    def classify_unknown(self, path: str) -> UnknownRequestKind | None:
        """Return why a device calls this (decoded) path; None if no device does."""

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
        Validate a program's request and return it in the vendor's form.

        *body* and *metadata* are JSON texts.

        Raises:
            Invalid: a field has a value that no device understands.
        """

    def address_order(self, url: str) -> Order:
        """Return the order after which a device calls the server at *url*."""

    def endpoint_defaults(self, order: Order) -> EndpointDefaults:
        """Return the guarantee, expiry and slowness of commands with this order."""

    def opens_door(self, order: Order) -> bool:
        """Tell whether a device may let somebody in because of this order."""

    def render(self, handed_out: Sequence[HandedOut]) -> bytes:
        """Return the body of the answer with these commands, at most `max_commands`."""

    def split_result(self, request: DeviceRequest, body: bytes) -> Sequence[ResultPart]:
        """
        Split a body into its parts, one for each command; at least one.

        It raises nothing: a body that cannot be split is one part.
        """

    def parse_result(self, body: bytes, content_encoding: str | None) -> ParsedResult:
        """Parse one part's body; if that fails, return an unreadable result."""

    def may_refuse(self, endpoint: str) -> bool:
        """Tell whether responses to *endpoint* can say no, as `find_refusal` finds."""

    def find_refusal(self, response: bytes, endpoint: str) -> bytes | None:
        """
        Return where a response to *endpoint* says no, as JSON; None if it does not.

        *response* is what `parse_result` read; *endpoint* may be as devices write it.
        """

    def same_endpoint(self, reported: str, endpoint: str) -> bool:
        """Tell whether a device that reports *reported* means *endpoint*."""


def judge_response(
    protocol: DeviceProtocol, parsed_result: ParsedResult, endpoint: str | None
) -> ParsedResult:
    """
    Return what was read; as a failure, if it is a response that says no.

    One that is too long to find out is unreadable.
    """
    response = parsed_result.response
    if parsed_result.failed or response is None or not endpoint:
        return parsed_result
    if isinstance(response, memoryview) or len(response) > MAX_SEARCHED:
        may_refuse = protocol.may_refuse(endpoint)
        return ParsedResult(unreadable=True) if may_refuse else parsed_result
    refusal = protocol.find_refusal(response, endpoint)
    if refusal is None:
        return parsed_result
    return attrs.evolve(parsed_result, error=refusal, refused=True)


def derive_identity(protocol: str, external_id: str) -> DeviceIdentity:
    """
    Return the identity of a device whose own id is text.

    Lanes, rows and events are keyed by an int64. It is derived from the text, so every
    server knows it without a lookup, even after the device was deleted.

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
