"""A second vendor, made up: text ids, text bodies, several commands in one answer.

A beacon polls `GET /beacon/{name}` and is answered with a line for each command:
`{label} {endpoint} {text}`. It posts lines to the same address, in any order:
`{label} ok {text}` or `{label} error {text}`. `set` and `get` are its services.
"""

from collections.abc import Iterable, Mapping, Sequence
from urllib.parse import unquote

import attrs
import msgspec

from pushserver.errors import Invalid, Malformed
from pushserver.model.command_form import CommandForm
from pushserver.model.device import DeviceIdentity
from pushserver.model.guarantee import UNLISTED, DeliveryGuarantee, EndpointDefaults
from pushserver.model.order import Order
from pushserver.model.parsed_result import ParsedResult
from pushserver.model.secret_fields import SecretFields
from pushserver.model.shadow import PropertyValue
from pushserver.protocols.base import (
    DeviceRequest,
    HandedOut,
    RequestKind,
    ResultPart,
    Scalar,
    UnknownRequestKind,
    derive_identity,
)

_KINDS = {"GET": RequestKind.POLL, "POST": RequestKind.RESULT}
_SECRET_FIELDS = SecretFields()
_AT_LEAST_ONCE = EndpointDefaults(DeliveryGuarantee.AT_LEAST_ONCE)
_CATALOGUE = {
    "get": _AT_LEAST_ONCE,
    "set": _AT_LEAST_ONCE,
    "survey": attrs.evolve(_AT_LEAST_ONCE, slow=True),
    "siren": EndpointDefaults(expires_in=10),
}


@attrs.frozen
class Beacon:
    """What the server has to know of beacons."""

    name: str = "beacon"
    routes: Sequence[tuple[str, str]] = ()
    content_type: str = "text/plain"
    max_commands: int = 3
    labels_deliveries: bool = True
    sends_json_verbatim: bool = False
    forms: Sequence[CommandForm] = ()
    secret_fields: SecretFields = _SECRET_FIELDS

    def identify(self, external_id: str) -> DeviceIdentity:
        """Return whose name this is; any text is one."""
        return derive_identity(self.name, external_id)

    def recognise(
        self, method: str, raw_path: str, headers: Mapping[str, str]
    ) -> DeviceRequest | None:
        """Return the poll or the result, which the method tells apart."""
        path = raw_path.partition("?")[0]
        _, is_beacon, name = path.partition("/beacon/")
        kind = _KINDS.get(method) if is_beacon else None
        if kind is None:
            return None
        key = headers.get("X-Beacon-Key")
        try:
            return DeviceRequest(kind, self.identify(unquote(name)), key)
        except Invalid as error:
            raise Malformed(error.detail) from None

    def classify_unknown(self, path: str) -> UnknownRequestKind | None:
        """Tell whether a beacon says hello, which is no question."""
        is_hello = path == "/hello-from-beacon"
        return UnknownRequestKind.NOTIFICATION if is_hello else None

    def find_sender(
        self, query: Mapping[str, str], _body: bytes
    ) -> DeviceIdentity | None:
        """Return who says hello."""
        name = query.get("beacon")
        return None if name is None else self.identify(name)

    def make_order(
        self,
        *,
        endpoint: str,
        verb: str = "POST",
        body: bytes | None = None,
        content_type: str = "text/plain",
        query_string: str | Mapping[str, Scalar] | None = None,
        metadata: bytes | None = None,
    ) -> Order:
        """Take a word and a text of one line."""
        text = "" if body is None else _decode_text(body)
        if not endpoint.isalpha() or "\n" in text or query_string is not None:
            raise Invalid("A beacon takes a word and a line.", pointer="/endpoint")
        return Order(
            verb=verb,
            endpoint=endpoint.lower(),
            body=_encode_text(text).decode(),
            content_type=content_type,
            query_string=None,
            metadata=None if metadata is None else metadata.decode(),
        )

    def opens_door(self, order: Order) -> bool:
        """Tell whether it is at a door, and opens it."""
        return order.endpoint == "open"

    def endpoint_defaults(self, order: Order) -> EndpointDefaults:
        """Return what is known of the word."""
        return _CATALOGUE.get(order.endpoint, UNLISTED)

    def render(self, handed_out: Sequence[HandedOut]) -> bytes:
        """Return a line for each command."""
        return b"".join(
            f"{delivery.uuid} {order.endpoint} {_text_of(order)}\n".encode()
            for order, delivery in handed_out
        )

    def split_result(
        self, _request: DeviceRequest, body: bytes
    ) -> Sequence[ResultPart]:
        """Return each line with its label; what has none is an orphan."""
        lines = body.splitlines() or [b""]
        return [_result_part(line) for line in lines]

    def parse_result(self, body: bytes, _content_encoding: str | None) -> ParsedResult:
        """Read `ok {text}` or `error {text}`."""
        outcome, _, text = body.decode("utf-8", "replace").partition(" ")
        if outcome == "ok":
            return ParsedResult(response=_encode_text(text))
        if outcome == "error":
            return ParsedResult(error=_encode_text(text))
        return ParsedResult(unreadable=True)

    def may_refuse(self, endpoint: str) -> bool:
        """Tell whether it is the siren, which may stay silent."""
        return endpoint == "siren"

    def find_refusal(self, response: bytes, endpoint: str) -> bytes | None:
        """Return the text of a siren that stays silent."""
        is_silent = _decode_text(response).startswith("silent")
        return response if endpoint == "siren" and is_silent else None

    def same_endpoint(self, reported: str, endpoint: str) -> bool:
        """Tell whether both are one word; results never say theirs."""
        return reported == endpoint

    def format_value(self, value: object) -> str:
        """Return a value as beacons have it: switches are on and off."""
        if isinstance(value, bool):
            return "on" if value else "off"
        if isinstance(value, str | int) and " " not in str(value):
            return str(value)
        raise Invalid("A beacon has only words, whole numbers and switches.")

    def write_order(
        self, service_id: str, properties: Mapping[str, PropertyValue]
    ) -> Order:
        """Return `set {service} name=value …`."""
        pairs = [f"{name}={self.format_value(v)}" for name, v in properties.items()]
        text = " ".join([service_id, *pairs])
        return self.make_order(endpoint="set", body=_encode_text(text))

    def address_order(self, url: str) -> Order:
        """Return `set server url=…`."""
        return self.write_order("server", {"url": url})

    def read_order(self, service_id: str, keys: Iterable[str]) -> Order:
        """Return `get {service} name …`."""
        text = " ".join([service_id, *sorted(keys)])
        return self.make_order(endpoint="get", body=_encode_text(text))

    def parse_reported(self, response: bytes, service_id: str) -> dict[str, str] | None:
        """Read `{service} name=value …`."""
        service, *pairs = _decode_text(response).split(" ")
        if service != service_id:
            return None
        return {name: value for name, _, value in (p.partition("=") for p in pairs)}


def _result_part(line: bytes) -> ResultPart:
    label, _, outcome = line.partition(b" ")
    return ResultPart(label.decode("utf-8", "replace") or None, None, outcome)


def _text_of(order: Order) -> str:
    return _decode_text((order.body or '""').encode())


def _encode_text(text: str) -> bytes:
    """Return a text as the JSON that the server keeps."""
    return msgspec.json.encode(text)


def _decode_text(raw: bytes) -> str:
    try:
        return msgspec.json.decode(raw, type=str)
    except msgspec.DecodeError:
        raise Invalid("A beacon takes text alone.", pointer="/body") from None
