"""What a result says about its command, once parsed."""

from collections.abc import Mapping
from typing import Self

import attrs
import msgspec

from pushserver.model.state import CommandEvent

#: A longer response is stored and shown, but nothing is looked for in it, whose search
#: would take longer than others should wait.
MAX_SEARCHED = 256 * 1024
#: From where to where a text is.
Span = tuple[int, int]


@attrs.frozen(kw_only=True)
class ParsedResult:
    """
    What a result says. `response`, `error` and `code` are JSON texts. A response that
    is too long to be searched may be a view of the body: a copy would be as long.

    `refused`: it is a response, and in it the device says no; `error` is where it does.
    `unreadable`: nobody knows what it says. `reported` has the properties of the
    service that the command read.
    """

    response: bytes | memoryview | None = None
    error: bytes | None = None
    code: bytes | None = None
    refused: bool = False
    unreadable: bool = False
    reported: Mapping[str, str] | None = None

    @classmethod
    def rejected(cls, reason: str) -> Self:
        """Return what a result counts as that the server refused."""
        return cls(error=msgspec.json.encode(reason))

    @property
    def failed(self) -> bool:
        """Tell whether the device reported an error, or refused."""
        return self.error is not None

    @property
    def command_event(self) -> CommandEvent:
        """What it does to its command."""
        if self.unreadable:
            return CommandEvent.GIVE_UP
        return CommandEvent.FAIL if self.failed else CommandEvent.SUCCEED


class ParsedSpans(msgspec.Struct, frozen=True, kw_only=True, omit_defaults=True):
    """
    What a result says, by where it says it: in its body, continued by what was mended.

    Nearly always it is there word for word, so it is not stored twice.
    """

    response: Span | None = None
    error: Span | None = None
    code: Span | None = None
    refused: bool = False
    unreadable: bool = False


@attrs.frozen
class LocatedResult:
    """
    What a result says, as it is stored beside its body.

    `mended` has what stands nowhere in the body.
    """

    spans: ParsedSpans
    mended: bytes = b""

    @classmethod
    def locate(cls, parsed: ParsedResult, body: bytes) -> Self:
        """Find what was read in the *body* of which it was read."""
        mended = b""
        spans: dict[str, Span] = {}
        for name, text in (
            ("response", parsed.response),
            ("error", parsed.error),
            ("code", parsed.code),
        ):
            if text is None:
                continue
            start = body.find(text)
            if start < 0:
                start = len(body) + len(mended)
                mended += text
            spans[name] = (start, start + len(text))
        refused, unreadable = parsed.refused, parsed.unreadable
        return cls(ParsedSpans(refused=refused, unreadable=unreadable, **spans), mended)

    def judged(self, parsed: ParsedResult, body: bytes) -> Self:
        """Add that *parsed*, which was as this is, turned out to be refused."""
        if parsed.unreadable and not self.spans.unreadable:
            return type(self)(ParsedSpans(unreadable=True))
        if not parsed.refused or parsed.error is None:
            return self
        start = len(body) + len(self.mended)
        spans = msgspec.structs.replace(
            self.spans, error=(start, start + len(parsed.error)), refused=True
        )
        return type(self)(spans, self.mended + parsed.error)

    def read(self, body: bytes) -> ParsedResult:
        """Return what the result with this *body* says."""
        spans, response = self.spans, None
        if spans.response is not None:
            start, end = spans.response
            is_long = end - start > MAX_SEARCHED
            text_or_view_at = self._view_at if is_long else self._text_at
            response = text_or_view_at(spans.response, body)
        return ParsedResult(
            response=response,
            error=spans.error and self._text_at(spans.error, body),
            code=spans.code and self._text_at(spans.code, body),
            refused=spans.refused,
            unreadable=spans.unreadable,
        )

    def _text_at(self, span: Span, body: bytes) -> bytes:
        return bytes(self._view_at(span, body))

    def _view_at(self, span: Span, body: bytes) -> memoryview:
        start, end = span
        if start < len(body):
            return memoryview(body)[start:end]
        return memoryview(self.mended)[start - len(body) : end - len(body)]
