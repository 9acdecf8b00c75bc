"""What a result says is stored beside its body, and not twice."""

import pytest

from pushserver.model.parsed_result import LocatedResult, ParsedResult, ParsedSpans

BODY = b'{"response":{"a":1},"code":2}'


@pytest.mark.parametrize(
    ("parsed", "mended"),
    [
        (ParsedResult(), b""),
        (ParsedResult(unreadable=True), b""),
        (ParsedResult(response=b'{"a":1}', code=b"2"), b""),
        (ParsedResult(response=BODY), b""),
        (ParsedResult(response=b""), b""),
        (ParsedResult(error=b'"no"', code=b"2"), b'"no"'),
        (ParsedResult(response=b"[]", code=b'"x"'), b'[]"x"'),
        (ParsedResult(response=b'{"a":1}', error=b"3", refused=True), b"3"),
    ],
)
def test_it_reads_as_it_was(parsed: ParsedResult, mended: bytes) -> None:
    """What was read comes back; stored is only what the body lacks."""
    located = LocatedResult.locate(parsed, BODY)

    assert parsed == located.read(BODY)
    assert mended == located.mended


def test_an_empty_body() -> None:
    """Of an empty body everything that is said was mended."""
    rejected = ParsedResult.rejected("over 64 MiB")

    assert rejected == LocatedResult.locate(rejected, b"").read(b"")


def test_a_refusal_is_added() -> None:
    """A response that turns out to be a refusal is stored as one."""
    parsed = ParsedResult(response=b'{"a":1}')
    refused = ParsedResult(response=b'{"a":1}', error=b'["no"]', refused=True)
    located = LocatedResult.locate(parsed, BODY)

    assert located == located.judged(parsed, BODY)
    assert refused == located.judged(refused, BODY).read(BODY)
    assert ParsedSpans(unreadable=True) == (
        located.judged(ParsedResult(unreadable=True), BODY).spans
    )
