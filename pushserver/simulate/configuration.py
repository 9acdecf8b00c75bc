"""A device's settings: modules of keys, all of whose values are strings."""

from collections.abc import Mapping
from types import MappingProxyType
from typing import Any

import attrs

from pushserver.simulate.messages import DeviceError

FACTORY_SETTINGS: Mapping[str, Mapping[str, str]] = MappingProxyType(
    {
        "general": {
            "language": "pt_BR",
            "beep_sound_enabled": "1",
            "relay1_enabled": "1",
            "relay1_auto_close": "1",
            "sec_box_out_mode": "0",
            "local_identification": "1",
        },
        "alarm": {"siren_enabled": "0", "siren_relay": "1"},
        "identifier": {
            "verbose_logging": "1",
            "log_type": "0",
            "multi_factor_authentication": "0",
        },
        "bio_id": {"similarity_threshold_1ton": "12000"},
        "monitor": {
            "hostname": "",
            "port": "",
            "path": "api/notifications",
            "request_timeout": "1000",
        },
        "online_client": {"server_id": "", "extract_template": "0"},
        "ntp": {"enabled": "0", "timezone": "UTC-3"},
        "push_server": {
            "push_remote_address": "",
            "push_request_timeout": "15000",
            "push_request_period": "60",
        },
    }
)


@attrs.define
class Configuration:
    """The current settings; an unknown key fails the whole call."""

    modules: dict[str, dict[str, str]] = attrs.field(
        factory=lambda: {name: dict(keys) for name, keys in FACTORY_SETTINGS.items()}
    )

    def get(self, fields: Mapping[str, Any]) -> dict[str, dict[str, str]]:
        """Answer `get_configuration`; an empty list of keys returns nothing."""
        for module, keys in fields.items():
            self._require_known(module, keys)
        return {
            module: {key: self.modules[module][key] for key in keys}
            for module, keys in fields.items()
            if keys
        }

    def set(self, fields: Mapping[str, Any]) -> dict[str, Any]:
        """Answer `set_configuration`."""
        for module, values in fields.items():
            self._require_known(module, values)
        for module, values in fields.items():
            self.modules[module].update({k: str(v) for k, v in values.items()})
        return {}

    def push_setting(self, key: str, default: float) -> float:
        """Return the number under a key of `push_server`."""
        try:
            return float(self.modules["push_server"][key])
        except ValueError:
            return default

    def _require_known(self, module: str, keys: Any) -> None:
        for key in keys:
            if key not in self.modules.get(module, ()):
                path = f"config->{module}->param[name={key}]"
                raise DeviceError(f"Node or attribute not found. Node path: {path}")
