"""The terms of an upgrade: its phases, and where its version is."""

import pytest

from pushserver.clock import SECOND
from pushserver.model.upgrade import DeviceUpgrade, UpgradePhase, is_json_pointer
from tests.model.upgrade_scenario import error_result, success_result, upgrade

#: RFC 6901, section 5.
RFC = b"""{"foo": ["bar", "baz"], "": 0, "a/b": 1, "c%d": 2, "e^f": 3, "g|h": 4,
 "i\\\\j": 5, "k\\"l": 6, " ": 7, "m~n": 8}"""


def test_phases() -> None:
    """It reads the version, downloads, applies, and reads the version again."""
    terms = upgrade(download_steps=2, apply_steps=1)

    assert [
        UpgradePhase.SOURCE,
        UpgradePhase.DOWNLOAD,
        UpgradePhase.DOWNLOAD,
        UpgradePhase.APPLY,
        UpgradePhase.VERIFY,
    ] == [terms.phase_of(step) for step in range(terms.verify_step + 1)]


@pytest.mark.parametrize(
    ("seconds", "pause"), [(1, 1), (20, 2), (100, 10), (86_400, 10)]
)
def test_pause(seconds: int, pause: int) -> None:
    """Between two tries it waits for a tenth of the time, at least 1, at most 10 s."""
    assert pause * SECOND == upgrade(seconds=seconds).verify_interval


@pytest.mark.parametrize(
    "text", ["", "/", "/a", "/a/0/b", "//", "/~0~1", "/~01", "/a b", "/ç", "/\n"]
)
def test_pointers(text: str) -> None:
    """A JSON Pointer is empty or begins with a slash, and escapes as it should."""
    assert is_json_pointer(text)


@pytest.mark.parametrize("text", ["a", "#/a", "a/b", "/~", "/~2", "/a~", " /a", "/~~0"])
def test_no_pointers(text: str) -> None:
    """Everything else is none."""
    assert not is_json_pointer(text)


@pytest.mark.parametrize(
    ("pointer", "version"),
    [
        ("/foo/0", "bar"),
        ("/", "0"),
        ("/a~1b", "1"),
        ("/c%d", "2"),
        ("/e^f", "3"),
        ("/g|h", "4"),
        ("/i\\j", "5"),
        ('/k"l', "6"),
        ("/ ", "7"),
        ("/m~0n", "8"),
        ("", None),
        ("/foo", None),
        ("/foo/2", None),
        ("/foo/-", None),
        ("/foo/-1", None),
        ("/foo/00", None),
        ("/foo/1e0", None),
        ("/foo/²", None),
        ("/foo/9999999999999999999", None),
        ("/nothing", None),
        ("/foo/0/0", None),
    ],
)
def test_where_the_version_is(pointer: str, version: str | None) -> None:
    """The pointer leads to the version as in RFC 6901; other pointers find none."""
    assert version == upgrade(version_pointer=pointer).parse_version(
        success_result(RFC)
    )


@pytest.mark.parametrize(
    ("answer", "version"),
    [
        (b'"6.24.3"', "6.24.3"),
        (b"7", "7"),
        (b"-7", "-7"),
        (b"1.10", "1.10"),
        (b"1e2", "1e2"),
        (b"18446744073709551616", "18446744073709551616"),
        (b'""', None),
        (b"true", None),
        (b"null", None),
        (b'{"a":1}', None),
        (b"[1]", None),
        (b"9" * 5000, None),
        (b"[" * 100_000, None),
        (b'"\\ud800"', None),
        (b"no json", None),
        (b"", None),
    ],
)
def test_what_a_version_is(answer: bytes, version: str | None) -> None:
    """Text, or a number as it is written; nothing else is a version."""
    assert version == upgrade(version_pointer="").parse_version(success_result(answer))


def test_no_version_in_an_error() -> None:
    """An error has no version, nor has what was not said."""
    terms = upgrade()

    assert (None, None) == (
        terms.parse_version(error_result()),
        terms.parse_version(None),
    )


def test_what_is_kept_is_bounded() -> None:
    """A device that says very much does not fill the store."""
    part = DeviceUpgrade(upgrade=upgrade())

    part.set_error("c\0" * 5000, "e" * 5000)

    assert ("c\ufffd" * 100, "e" * 1000) == (part.error_code, part.error)
