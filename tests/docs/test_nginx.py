"""The documented file for nginx: no key in a log, and no error page for a device."""

import re
from pathlib import Path

import pytest

PAGE = Path(__file__).parents[2] / "docs" / "operating.md"
_BLOCK = re.compile(r"location\s+(?P<match>[^{]+?)\s*\{(?P<body>[^}]*)\}")


@pytest.fixture(name="config")
def _config() -> str:
    """Return the file, without its comments."""
    found = re.search(r"```nginx\n(.*?)```", PAGE.read_text(), re.DOTALL)
    assert found is not None
    return re.sub(r"#.*", "", found[1])


def locations(config: str) -> dict[str, str]:
    """Return what each location does, by what it matches."""
    return {each["match"]: each["body"] for each in _BLOCK.finditer(config)}


def directives(text: str) -> list[list[str]]:
    """Return the directives outside of blocks, as words."""
    plain = _BLOCK.sub("", text).partition("{")[2] or text
    return [each.split() for each in plain.split(";") if each.strip(" \n}")]


def test_no_log_of_addresses(config: str) -> None:
    """
    For no request, whatever its path, either log is written: both would show the path.
    """
    server = directives(config)

    assert [["access_log", "off"]] == [d for d in server if d[0] == "access_log"]
    assert [["error_log", "/dev/null"]] == [d for d in server if d[0] == "error_log"]
    for body in locations(config).values():
        assert "_log" not in body
    assert "$request" not in config


def test_no_error_page_for_devices(config: str) -> None:
    """
    While the server is away, polls are answered as if idle, and results are sent again.
    """
    found = locations(config)

    assert "error_page 502 504 =200 @idle;" in found["/"]
    assert "error_page 502 504 =503 @again;" in found["~ /result/?$"]
    assert 'return 200 "";' in found["@idle"]
    assert 'return 503 " ";' in found["@again"]


@pytest.mark.parametrize(
    ("path", "is_result"),
    [
        ("/result", True),
        ("/d/KEY/result", True),
        ("/d/KEY/push/result/", True),
        ("/push", False),
        ("/d/KEY/push", False),
        ("/d/result/push", False),
        ("/results", False),
    ],
)
def test_results_are_recognised(config: str, path: str, is_result: bool) -> None:
    """
    A result is one however its address was typed, and a poll is none.
    """
    (pattern,) = (m[2:] for m in locations(config) if m.startswith("~"))

    assert is_result is (re.search(pattern, path) is not None)


def test_server_has_the_last_word(config: str) -> None:
    """
    Sizes and waits are the server's business: nginx neither refuses nor gives up first.
    """
    server = {d[0]: d[1:] for d in directives(config)}

    assert ["0"] == server["client_max_body_size"]
    assert ["off"] == server["proxy_request_buffering"]
    assert int(server["proxy_read_timeout"][0].rstrip("s")) > 60
