"""What a request asks for, however that is spelled: what its key stands for."""

from collections.abc import Mapping
from operator import itemgetter

from multidict import MultiMapping

from pushserver.errors import Invalid
from pushserver.model.ids import parse_int64
from pushserver.services.device_protocols import DeviceProtocols


def canonical_path(
    path: str, path_params: Mapping[str, str], protocols: DeviceProtocols
) -> str:
    """
    Return the *path* of a call with the ids of what its parameters name.

    `1`, `01` and `controlid:1` are one device, whose door opens once.
    """
    ids = {
        name: _canonical_id(name, text, protocols) for name, text in path_params.items()
    }
    return path.format_map(ids)


def _canonical_id(name: str, text: str, protocols: DeviceProtocols) -> str:
    try:
        if name == "device_id":
            return str(protocols.identify(text).device_id)
        return str(parse_int64(text, field_name=name))
    except Invalid:
        return text  # the call says so itself


def canonical_query(query: MultiMapping[str]) -> str:
    """Return a query with its parameters in order of their names, written one way."""
    parameters = sorted(query.items(), key=itemgetter(0))
    return "&".join(f"{name}={_escape(value)}" for name, value in parameters)


def _escape(value: str) -> str:
    return value.replace("%", "%25").replace("&", "%26")
