"""Names that set nothing."""

import pytest

from pushserver.settings_checks import unknown_variables


@pytest.mark.parametrize(
    ("name", "nearest"),
    [
        ("PUSHSERVER_DEVICE_KEY", "PUSHSERVER_DEVICE_KEYS"),
        ("PUSHSERVER_ADMINTOKEN", "PUSHSERVER_ADMIN_TOKEN"),
        ("PUSHSERVER_TOKENS", "PUSHSERVER_TOKEN"),
        ("PUSHSERVER_XYZZY", None),
        ("pushserver_device_keys", "PUSHSERVER_DEVICE_KEYS"),
        ("PUSH_SERVER_DEVICE_KEYS", "PUSHSERVER_DEVICE_KEYS"),
        ("PushServer-device-keys", "PUSHSERVER_DEVICE_KEYS"),
    ],
)
def test_unknown_variables(name: str, nearest: str | None) -> None:
    """A variable that sets nothing is found, with the known one most like it."""
    environ = {name: "1", "PUSHSERVER_TOKEN": "x", "PUSHSERVER_PORT": "1", "HOME": "/"}

    assert {name: nearest} == unknown_variables(
        environ, ["device_keys", "admin_token", "port"]
    )
