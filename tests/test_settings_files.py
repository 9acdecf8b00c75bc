"""Settings in a file, and secrets in files of their own."""

import os
from pathlib import Path

import pytest

from pushserver.errors import Misconfigured
from pushserver.secret_files import MAX_SECRET, read_secret
from pushserver.settings import SECRETS
from pushserver.settings_loading import load, load_with_origins


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


@pytest.mark.parametrize("over", [0, 1])
def test_length_of_a_secret(over: int, tmp_path: Path) -> None:
    """A file as long as a secret may be is read, and one with a byte more is not."""
    file = tmp_path / "token"
    file.write_text("x" * (MAX_SECRET + over))

    environ = {"PUSHSERVER_TOKEN_FILE": str(file)}
    if over:
        with pytest.raises(Misconfigured, match="more than 65536 bytes"):
            read_secret(environ, "PUSHSERVER_TOKEN")
    else:
        assert "x" * MAX_SECRET == read_secret(environ, "PUSHSERVER_TOKEN")


def test_files_without_an_end(tmp_path: Path) -> None:
    """A pipe that nobody writes to, or a device, is refused instead of being read."""
    os.mkfifo(tmp_path / "pipe")
    for file in (str(tmp_path / "pipe"), "/dev/zero"):
        with pytest.raises(Misconfigured, match="cannot be read: it is no plain file"):
            load({}, {"PUSHSERVER_ADMIN_TOKEN_FILE": file})


@pytest.mark.parametrize(
    "text",
    ["a=" + "[" * 100_000, "a" + ".a" * 3000 + "=1", "hold=" + "9" * 5000],
    ids=["arrays", "tables", "digits"],
)
def test_endless_file(text: str, tmp_path: Path) -> None:
    """A settings file with a value that has no end is refused in one line."""
    file = tmp_path / "settings.toml"
    file.write_text(f"[pushserver]\n{text}\n")

    with pytest.raises(Misconfigured) as refused:
        load({"config": str(file)}, {})
    assert "\n" not in str(refused.value)


def test_variables_of_files_are_known(capsys: pytest.CaptureFixture[str]) -> None:
    """No start calls the variable of a secret's file one that sets nothing."""
    environ = {"PUSHSERVER_TOKEN_FILE": "x", "PUSHSERVER_ADMIN_TOKEN_FILE": __file__}
    load({}, environ)

    assert "" == capsys.readouterr().err


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
        "admin_token = 12",
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


@pytest.mark.parametrize(
    "before", ["", 'device_keys = "required"\n', 'device_keys = "optional"\n']
)
@pytest.mark.parametrize("name", ["device-keys", "Device_Keys", "DEVICE_KEYS"])
def test_another_spelling(tmp_path: Path, name: str, before: str) -> None:
    """A setting is known by the one name on the page, so none is there twice."""
    file = tmp_path / "settings.toml"
    file.write_text(f'[pushserver]\n{before}{name} = "optional"\n')

    with pytest.raises(Misconfigured, match=f"{name} is no .* mean device_keys?"):
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
