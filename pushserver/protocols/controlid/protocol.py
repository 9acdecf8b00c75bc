"""Control iD's implementation of `DeviceProtocol`; other modules do the work."""

from collections.abc import Sequence

import attrs

from pushserver.model.command_form import CommandForm
from pushserver.model.secret_fields import SecretFields
from pushserver.protocols.base import DeviceRequest, ResultPart
from pushserver.protocols.controlid import (
    answer,
    catalogue,
    configuration,
    forms,
    order,
    refusals,
    request,
    result,
    secrets,
)


@attrs.frozen
class ControlId:
    """Control iD's Push: int64 ids, JSON, one command in an answer."""

    name: str = request.NAME
    routes: Sequence[tuple[str, str]] = request.ROUTES
    content_type: str = order.JSON
    max_commands: int = 1
    labels_deliveries: bool = False
    sends_json_verbatim: bool = True
    secret_fields: SecretFields = secrets.SECRET_FIELDS

    identify = staticmethod(request.identify)
    recognise = staticmethod(request.recognise)
    classify_unknown = staticmethod(request.classify_unknown)
    find_sender = staticmethod(request.find_sender)
    make_order = staticmethod(order.make_order)
    endpoint_defaults = staticmethod(catalogue.endpoint_defaults)
    opens_door = staticmethod(catalogue.opens_door)
    render = staticmethod(answer.render)
    parse_result = staticmethod(result.parse_result)
    may_refuse = staticmethod(refusals.may_refuse)
    find_refusal = staticmethod(refusals.find_refusal)
    format_value = staticmethod(configuration.format_value)
    write_order = staticmethod(configuration.write_order)
    address_order = staticmethod(configuration.address_order)
    read_order = staticmethod(configuration.read_order)
    parse_reported = staticmethod(configuration.parse_reported)

    @property
    def forms(self) -> Sequence[CommandForm]:
        """Return the forms; no part of its value, which goes to other processes."""
        return forms.FORMS

    def split_result(
        self, device_request: DeviceRequest, body: bytes
    ) -> Sequence[ResultPart]:
        """Return the one result; the request, not the body, says whose it is."""
        return [ResultPart(device_request.uuid, device_request.endpoint, body)]

    def same_endpoint(self, reported: str, endpoint: str) -> bool:
        """Compare endpoints without the slashes and `.fcgi` that firmware adds."""
        return order.normalize_endpoint(reported) == endpoint
