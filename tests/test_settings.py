"""Settings: where they come from, and what is refused before anything is opened."""

from pathlib import Path

import attrs
import pytest

from pushserver.errors import Misconfigured
from pushserver.model.device import DeviceKeys
from pushserver.settings import Settings
from pushserver.settings_loading import load, load_with_origins


def test_defaults() -> None:
    """No setting is needed: SQLite in the working folder, on the loopback alone."""
    settings = load({}, {})

    assert Settings() == settings
    assert ("127.0.0.1", 8080, Path("pushserver.db")) == (
        settings.host,
        settings.port,
        settings.sqlite_path,
    )
    assert (0, 180, 5, None) == (
        settings.hold,
        settings.response_timeout,
        settings.grace,
        settings.admin_token,
    )
    assert DeviceKeys.OPTIONAL is settings.device_key_policy


def test_order(tmp_path: Path) -> None:
    """A flag goes before the environment, that before a file, that before nothing."""
    file = tmp_path / "settings.toml"
    file.write_text("[pushserver]\nport = 1\nhold = 1.5\ngrace = 1\n")
    environ = {
        "PUSHSERVER_CONFIG": str(file),
        "PUSHSERVER_PORT": "2",
        "PUSHSERVER_HOLD": "2.5",
    }

    settings = load({"port": 3, "hold": None}, environ)

    assert (3, 2.5, 1, 180) == (
        settings.port,
        settings.hold,
        settings.grace,
        settings.response_timeout,
    )


@pytest.mark.parametrize("name", [field.name for field in attrs.fields(Settings)])
def test_environment(name: str) -> None:
    """Every setting has its variable."""
    values = {
        "host": "127.0.0.2",
        "database": "sqlite:////tmp/x.db",
        "admin_token": "t",
        "device_keys": "required",
        "identity_conflict": "quarantine",
        "webhook_allow_http": "True",
        "fast_lane": "False",
        "again": "True",
        "restored": "True",
        "webhook_allow_networks": "10.20.0.0/16",
        "log_level": "error",
        "integrity_check": "07:00",
        "kapua_delete_status": "204",
        "bodies": "64",
        "public_url": "https://push.example",
        "backup_folder": "/",
        "trusted_proxies": "10.20.0.0/16",
        "workers": "1",
    }
    value = values.get(name, "7")

    # What says that others reach the server needs a decision about them.
    keys = {"PUSHSERVER_DEVICE_KEYS": "required"}
    settings = load({}, {**keys, f"PUSHSERVER_{name.upper()}": value})

    assert value == str(getattr(settings, name)).removesuffix(".0")


def test_empty_variable() -> None:
    """An empty variable is none."""
    assert Settings() == load({}, {"PUSHSERVER_PORT": "", "PUSHSERVER_ADMIN_TOKEN": ""})


def test_other_variables() -> None:
    """What is not ours is not looked at."""
    assert Settings() == load({}, {"PORT": "x", "HOST": "0.0.0.0", "HOME": "/"})  # noqa: S104


@pytest.mark.parametrize(
    ("url", "path"),
    [
        ("sqlite:///relative/x.db", "relative/x.db"),
        ("sqlite:////absolute/x.db", "/absolute/x.db"),
    ],
)
def test_database(url: str, path: str) -> None:
    """Three slashes are followed by a relative path, four begin an absolute one."""
    assert Path(path) == load({"database": url}, {}).sqlite_path


@pytest.mark.parametrize(
    ("name", "value"),
    [
        ("port", "http"),
        ("port", "-1"),
        ("port", "65536"),
        ("hold", "-1"),
        ("hold", "long"),
        ("hold", "nan"),
        ("hold", "inf"),
        ("hold", "999"),
        ("hold", "300.1"),
        ("grace", "-0.1"),
        ("grace", "nan"),
        ("kapua_delete_status", "201"),
        ("kapua_delete_status", "no"),
        ("response_timeout", "0"),
        ("response_timeout", "-5"),
        ("response_timeout", "inf"),
        ("device_keys", "yes"),
        ("identity_conflict", "ignore"),
        ("log_level", "loud"),
        ("webhook_allow_http", "perhaps"),
        ("webhook_allow_networks", "10.0.0.0/33"),
        ("webhook_allow_networks", "10.0.0.1/8"),
        ("webhook_allow_networks", "10.0.0.0/8;::1"),
        ("webhook_allow_networks", "receiver.example"),
        ("webhook_allow_networks", "unix"),
        ("trusted_proxies", "10.0.0.1/8"),
        ("trusted_proxies", "proxy.example"),
        ("trusted_proxies", "unix:/run/socket"),
        ("public_url", "push.example"),
        ("public_url", "ftp://push.example"),
        ("public_url", "https://"),
        ("public_url", "https://push.example:port"),
        ("public_url", "https://user@push.example"),
        ("public_url", "https://push.example?x"),
        ("public_url", "https://push.example/#x"),
        ("public_url", "https://push.example/../x"),
        ("public_url", "https://push.example/a b"),
        ("public_url", "https://push.example/\u00e4"),
        ("database", "mysql://x"),
        ("database", "x.db"),
        ("database", "sqlite:///"),
        ("database", "sqlite://x.db"),
        ("database", "sqlite:///x\x00.db"),
        ("database", "postgresql://x\x00/y"),
    ],
)
def test_refused(name: str, value: str) -> None:
    """A value that makes no sense is refused in one line that names the setting."""
    with pytest.raises(Misconfigured) as caught:
        load({}, {f"PUSHSERVER_{name.upper()}": value})

    detail = caught.value.detail
    assert name.upper() in detail.upper()
    assert 1 == len(detail.splitlines())


@pytest.mark.parametrize(
    ("name", "value", "words"),
    [
        ("retention", "-1", "retention must be from 0 to 36525 days; -1 d is not"),
        ("audit_retention", "40000 d", "to 36525 days; 40000 d is not"),
        ("hold", "6 min", "hold must be from 0 to 300 seconds; 360 s is not"),
        ("hold", "nan", "hold: 'nan' is no duration: it must be from 0 to 300 seconds"),
        ("response_timeout", "0", "more than 0 and at most 31622400 seconds"),
        ("grace", "2 moons", "'moons' is no unit of durations; there are ms, s, min"),
        ("grace", "2 moons", "without one it is seconds"),
        ("retention", "2 moons", "without one it is days"),
        ("port", "x", "port: "),
        ("port", "x", "(PUSHSERVER_PORT)"),
        ("port", "-1", "(PUSHSERVER_PORT)"),
    ],
)
def test_what_is_wrong(name: str, value: str, words: str) -> None:
    """A refusal names the setting, its bounds with their unit, and who set it."""
    with pytest.raises(Misconfigured) as caught:
        load({}, {f"PUSHSERVER_{name.upper()}": value})

    assert words in caught.value.detail


def test_durations_with_units(tmp_path: Path) -> None:
    """Flags, variables and the file take durations with a unit, or a plain number."""
    file = tmp_path / "settings.toml"
    file.write_text('[pushserver]\ngrace = "1 min"\naudit_retention = 7\n')
    environ = {"PUSHSERVER_RETENTION": "2w", "PUSHSERVER_RESPONSE_TIMEOUT": "2.5 min"}

    settings = load({"config": str(file), "hold": "25s"}, environ)

    assert (25, 150, 60) == (settings.hold, settings.response_timeout, settings.grace)
    assert (14, 7) == (settings.retention, settings.audit_retention)


def test_origins(tmp_path: Path) -> None:
    """Each setting is told with where it came from: what went before the others."""
    file = tmp_path / "settings.toml"
    file.write_text("[pushserver]\nport = 1\nlog_level = 'debug'\n")
    environ = {"PUSHSERVER_CONFIG": str(file), "PUSHSERVER_PORT": "2"}
    origins = load_with_origins({"hold": "1", "grace": None}, environ).origins

    assert {field.name for field in attrs.fields(Settings)} == set(origins)
    assert ("PUSHSERVER_PORT", f"file {file}", "--hold", "default") == tuple(
        origins[name] for name in ("port", "log_level", "hold", "grace")
    )


def test_several_wrong() -> None:
    """When several are wrong each is named."""
    with pytest.raises(Misconfigured, match=r"(?s)port.*hold|hold.*port"):
        load({"port": "x", "hold": "y"}, {})


def test_secret() -> None:
    """The admin token is in no text that may be logged."""
    settings = load({}, {"PUSHSERVER_ADMIN_TOKEN": "hush-hush"})

    assert "hush-hush" == settings.admin_token
    assert "hush-hush" not in repr(settings)
    with pytest.raises(Misconfigured) as caught:
        load({"port": "x"}, {"PUSHSERVER_ADMIN_TOKEN": "hush-hush"})
    assert "hush-hush" not in caught.value.detail


def test_several_servers_over_a_file() -> None:
    """A SQLite file has one server: more are refused, and it is said what to set."""
    with pytest.raises(Misconfigured, match="WORKERS 3 takes PostgreSQL"):
        load({"workers": 3}, {})
