"""Instants, durations, numbers and hostile texts as people of a language read them."""

import re
from datetime import UTC, datetime, timedelta

import attrs
from markupsafe import Markup, escape

from pushserver.clock import SECOND, wall_time
from pushserver.web.console.translations import Catalogue

#: What breaks a page: control characters, and those that turn text around.
_UNSHOWABLE = re.compile(r"[\x00-\x08\x0b-\x1f\x7f-\x9f\u202a-\u202e\u2066-\u2069]")

_EPOCH = datetime(1970, 1, 1, tzinfo=UTC)
#: What stands where there is nothing.
NOTHING = "\N{EN DASH}"
#: Below so many seconds, tenths of one are shown.
_TENTHS_BELOW = 10
#: The units of a duration, with their seconds, the largest first.
_UNITS = (("d", 86_400), ("h", 3600), ("min", 60), ("s", 1))


@attrs.frozen(eq=False)
class Formats:
    """Shows values in the language of a catalogue; `now` is in microseconds."""

    text: Catalogue
    now: int

    def number(self, value: float, digits: int = 0) -> str:
        """Show a number, with separators."""
        shown = f"{value:,.{digits}f}"
        if self.text.language.startswith("pt"):
            shown = shown.translate(str.maketrans(",.", ".,"))
        return shown

    def exact(self, instant: int) -> str:
        """Show an instant to the second, in UTC."""
        pattern = self.text("format.instant")
        return _datetime(instant).strftime(pattern)

    def ago(self, instant: int) -> str:
        """Show how long ago an instant was, or how far ahead it is."""
        seconds = (self.now - instant) / SECOND
        key = "format.ago" if seconds >= 0 else "format.ahead"
        if abs(seconds) < 1:
            return self.text("format.just_now")
        return self.text(key, span=self.span(int(abs(seconds))))

    def span(self, seconds: float) -> str:
        """Show a duration in its largest unit."""
        unit, size = next((u for u in _UNITS if seconds >= u[1]), _UNITS[-1])
        value = seconds / size
        digits = 1 if unit == "s" and value < _TENTHS_BELOW and value % 1 else 0
        if not digits:
            value = int(value)
        return self.text(f"format.{unit}", n=self.number(value, digits))

    def latency(self, seconds: float) -> str:
        """Show how long something took: below a second in milliseconds."""
        if seconds >= 1:
            return self.span(seconds)
        millis = seconds * 1000
        digits = 0 if millis >= _TENTHS_BELOW or millis % 1 == 0 else 1
        return self.text("format.ms", n=self.number(millis, digits))

    def instant(self, instant: int | None) -> Markup:
        """Show an instant relative to now; the exact one on hover, and for scripts."""
        if instant is None:
            return Markup('<span class="faint">{}</span>').format(NOTHING)
        iso = _datetime(instant).isoformat(timespec="milliseconds")
        return Markup('<time datetime="{}" title="{}" data-at="{}">{}</time>').format(
            iso.replace("+00:00", "Z"),
            self.exact(instant),
            wall_time(instant) // 1000,
            self.ago(instant),
        )

    def duration(self, micros: int | None) -> str:
        """Show a duration of microseconds."""
        return NOTHING if micros is None else self.span(micros / SECOND)

    def plain(self, value: object, length: int = 40) -> str:
        """Show the beginning of such a text where there is no room for markup."""
        return showable(str(value)[:length])

    def foreign(self, value: object, length: int = 80) -> Markup:
        """
        Show a text that somebody else wrote, or a device: cut, and kept in its place.

        What cannot be shown becomes U+FFFD.
        """
        whole = showable(str(value))
        shown = whole if len(whole) <= length else whole[: length - 1] + "…"
        title = Markup(' title="{}"').format(whole[:1000]) if shown != whole else ""
        return Markup('<bdi dir="auto"{}>{}</bdi>').format(title, escape(shown))


def _datetime(instant: int) -> datetime:
    return _EPOCH + timedelta(microseconds=wall_time(instant))


def showable(text: str) -> str:
    """Return *text* with what cannot be shown as U+FFFD."""
    return _UNSHOWABLE.sub("\ufffd", text)
