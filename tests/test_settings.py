"""Settings: where they come from, and what is refused before anything is opened."""

from pathlib import Path

import attrs
import pytest

from pushserver.errors import Misconfigured
from pushserver.model.device import DeviceKeys
from pushserver.settings import SECRETS, Settings
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


def test_file_by_flag(tmp_path: Path) -> None:
    """The flag names the file before the environment does."""
    for name in ("flag", "environ"):
        (tmp_path / name).write_text(
            f'[pushserver]\nlog_level = "debug"\nport = {len(name)}\n'
        )

    settings = load(
        {"config": str(tmp_path / "flag")},
        {"PUSHSERVER_CONFIG": str(tmp_path / "environ")},
    )

    assert (4, "debug") == (settings.port, settings.log_level)


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
        "again": "True",
        "restored": "True",
        "webhook_allow_networks": "10.20.0.0/16",
        "log_level": "error",
        "integrity_check": "07:00",
        "kapua_delete_status": "204",
        "bodies": "64",
        "public_url": "https://push.example",
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
    ("text", "networks"),
    [
        ("", []),
        ("10.20.0.0/16", ["10.20.0.0/16"]),
        ("10.20.0.0/16,::1", ["10.20.0.0/16", "::1/128"]),
        (
            " 10.20.0.0/16 , 192.168.7.15 ::1,",
            ["10.20.0.0/16", "192.168.7.15/32", "::1/128"],
        ),
    ],
)
def test_webhook_networks(text: str, networks: list[str]) -> None:
    """Networks have commas or spaces between them; without any, none is allowed."""
    settings = load({}, {"PUSHSERVER_WEBHOOK_ALLOW_NETWORKS": text})

    assert networks == [str(network) for network in settings.webhook_networks]
    assert not settings.webhook_allow_http


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


def test_secret_in_a_file(tmp_path: Path) -> None:
    """A secret comes from the file that its variable names, without its end of line."""
    file = tmp_path / "token"
    file.write_text("hush-hush\n")
    loaded = load_with_origins({}, {"PUSHSERVER_ADMIN_TOKEN_FILE": str(file)})

    assert "hush-hush" == loaded.settings.admin_token
    assert "PUSHSERVER_ADMIN_TOKEN_FILE" == loaded.origins["admin_token"]


@pytest.mark.parametrize("name", sorted(SECRETS))
def test_file_of_a_secret_is_refused(name: str, tmp_path: Path) -> None:
    """A secret that is given twice, or whose file is missing or empty, is refused."""
    variable = f"PUSHSERVER_{name.upper()}"
    empty = tmp_path / "empty"
    empty.write_text("\n")

    with pytest.raises(Misconfigured, match="not both"):
        load({}, {variable: "x", f"{variable}_FILE": str(empty)})
    with pytest.raises(Misconfigured, match=f"{variable}_FILE is empty"):
        load({}, {f"{variable}_FILE": str(empty)})
    with pytest.raises(Misconfigured, match=r"nowhere.*No such file"):
        load({}, {f"{variable}_FILE": str(tmp_path / "nowhere")})


def test_origins(tmp_path: Path) -> None:
    """Each setting is told with where it came from: what went before the others."""
    file = tmp_path / "settings.toml"
    file.write_text("[pushserver]\nport = 1\nlog-level = 'debug'\n")
    environ = {"PUSHSERVER_CONFIG": str(file), "PUSHSERVER_PORT": "2"}
    origins = load_with_origins({"hold": "1", "grace": None}, environ).origins

    assert {field.name for field in attrs.fields(Settings)} == set(origins)
    assert ("PUSHSERVER_PORT", f"file {file}", "--hold", "default") == tuple(
        origins[name] for name in ("port", "log_level", "hold", "grace")
    )


def test_variables_of_files_are_known(capsys: pytest.CaptureFixture[str]) -> None:
    """No start calls the variable of a secret's file one that sets nothing."""
    environ = {"PUSHSERVER_TOKEN_FILE": "x", "PUSHSERVER_ADMIN_TOKEN_FILE": __file__}
    load({}, environ)

    assert "" == capsys.readouterr().err


def test_several_wrong() -> None:
    """When several are wrong each is named."""
    with pytest.raises(Misconfigured, match=r"(?s)port.*hold|hold.*port"):
        load({"port": "x", "hold": "y"}, {})


@pytest.mark.parametrize(
    "host",
    ["0.0.0.0", "::", "192.0.2.7", "push.example.com", ""],  # noqa: S104
)
def test_beyond_loopback(host: str) -> None:
    """Beyond the loopback somebody must have decided about keys."""
    with pytest.raises(Misconfigured, match="DEVICE_KEYS"):
        load({"host": host}, {})

    for keys in DeviceKeys:
        assert (
            keys
            is load({"host": host, "device_keys": keys.value}, {}).device_key_policy
        )


@pytest.mark.parametrize(
    "proxied", [{"public_url": "https://x.example"}, {"trusted_proxies": "127.0.0.1"}]
)
def test_behind_a_proxy(proxied: dict[str, str]) -> None:
    """Behind a proxy others reach it, on the loopback, too."""
    with pytest.raises(Misconfigured, match="DEVICE_KEYS"):
        load(proxied, {})
    with pytest.raises(Misconfigured, match="ADMIN_TOKEN"):
        load({**proxied, "device_keys": "required", "admin_token": "guess"}, {})

    assert load({**proxied, "device_keys": "optional"}, {}).is_behind_proxy


@pytest.mark.parametrize(
    ("text", "networks", "unix"),
    [
        ("", [], False),
        ("unix", [], True),
        ("10.1.0.7, unix fd12::/16", ["10.1.0.7/32", "fd12::/16"], True),
    ],
)
def test_trusted_proxies(text: str, networks: list[str], unix: bool) -> None:
    """Proxies are networks; those that come by a Unix socket are `unix`."""
    settings = load({"trusted_proxies": text, "device_keys": "required"}, {})

    assert networks == [str(network) for network in settings.trusted_networks]
    assert unix is settings.trusts_unix_socket


@pytest.mark.parametrize(
    ("url", "kept"),
    [
        ("https://push.example", "https://push.example"),
        ("https://push.example/", "https://push.example"),
        ("http://push.example:8080/a/b-c/", "http://push.example:8080/a/b-c"),
        ("http://[2001:db8::1]:8080", "http://[2001:db8::1]:8080"),
    ],
)
def test_public_url(url: str, kept: str) -> None:
    """The public URL is kept without a slash at its end."""
    settings = load({"public_url": url, "device_keys": "required"}, {})

    assert kept == settings.public_url


@pytest.mark.parametrize("host", ["127.0.0.1", "127.1.2.3", "::1", "localhost"])
def test_loopback(host: str) -> None:
    """On the loopback nobody need decide."""
    assert DeviceKeys.OPTIONAL is load({"host": host}, {}).device_key_policy


@pytest.mark.parametrize(
    "text",
    ["[pushserver]\nprot = 1\n", "[pushserver\n", '[pushserver]\nport = "x"\n'],
)
def test_file_refused(tmp_path: Path, text: str) -> None:
    """A file that does not parse, or that has an unknown setting, is refused."""
    file = tmp_path / "settings.toml"
    file.write_text(text)

    with pytest.raises(Misconfigured) as caught:
        load({"config": str(file)}, {})

    assert 1 == len(caught.value.detail.splitlines())


@pytest.mark.parametrize(
    "line",
    [
        "retention = true",
        "port = true",
        "port = 80.5",
        "admin-token = 12",
        'admin_token = ["a", "b"]',
        "again = 1",
        "device_keys = true",
        "hold = [3]",
    ],
)
def test_another_type(tmp_path: Path, line: str) -> None:
    """A value of another type than its setting's is refused, and not taken for one."""
    file = tmp_path / "settings.toml"
    file.write_text(f"[pushserver]\n{line}\n")

    with pytest.raises(Misconfigured, match="type"):
        load({"config": str(file)}, {})


@pytest.mark.parametrize("line", ["hold = 3", "hold = 3.0", 'hold = "3"'])
def test_a_type_that_fits(tmp_path: Path, line: str) -> None:
    """A whole number will do for any, and so will a text that says it."""
    file = tmp_path / "settings.toml"
    file.write_text(f"[pushserver]\n{line}\n")

    assert 3 == load({"config": str(file)}, {}).hold


def test_no_file(tmp_path: Path) -> None:
    """A file that is not there is named."""
    with pytest.raises(Misconfigured, match="nowhere"):
        load({}, {"PUSHSERVER_CONFIG": str(tmp_path / "nowhere.toml")})


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
