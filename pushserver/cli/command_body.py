"""The body of a command: pairs, JSON, or a file of whatever type."""

import base64
import sys
from collections.abc import Sequence
from pathlib import Path
from typing import Any

import attrs

from pushserver.cli.context import UsageError
from pushserver.cli.json_files import STDIN
from pushserver.cli.pairs import parse_body, parse_json
from pushserver.client.commands import OCTETS

JSON = "application/json"


@attrs.frozen(kw_only=True)
class CommandBody:
    """Fields of a command, or *content* as bytes, which go as they are."""

    fields: dict[str, Any] = attrs.field(factory=dict)
    content: bytes | None = attrs.field(default=None, repr=False)

    def json_fields(self) -> dict[str, Any]:
        """Return the body as fields of JSON, where bytes are base64."""
        if self.content is None:
            return self.fields
        encoded = base64.b64encode(self.content).decode()
        return {"body": encoded, "contentType": OCTETS}


def read_body(
    pairs: Sequence[str],
    body: str | None,
    file: Path | None,
    content_type: str | None,
) -> CommandBody:
    """
    Return the body that is given in one of these ways; an empty one without any.

    Raises:
        UsageError: it is given twice, or is not of its type.
        OSError: a file cannot be read.
    """
    if bool(pairs) + (body is not None) + (file is not None) > 1:
        raise UsageError("Give the body once: as key=value pairs, --body or --file.")
    if file is not None:
        return _of_type(_read(str(file)), str(file), content_type or _guess(file))
    said = {"contentType": content_type} if content_type else {}
    if body is not None:
        return CommandBody(fields={"body": _parse_text(body), **said})
    return CommandBody(fields={"body": parse_body(pairs), **said} if pairs else said)


def _guess(file: Path) -> str:
    """Return the type of a file: devices take photos as bytes, whatever they hold."""
    return JSON if file.suffix.lower() == ".json" else OCTETS


def _of_type(content: bytes, name: str, content_type: str) -> CommandBody:
    media_type = content_type.partition(";")[0].strip().lower()
    if media_type == OCTETS:
        return CommandBody(content=content)
    if media_type == JSON or media_type.endswith("+json"):
        body = parse_json(content, name)
    else:
        body = _decode(content, name, media_type)
    return CommandBody(fields={"body": body, "contentType": content_type})


def _decode(content: bytes, name: str, media_type: str) -> str:
    try:
        return content.decode()
    except UnicodeDecodeError:
        raise UsageError(
            f"{name} is no text, and bytes are sent as {OCTETS}, not {media_type}."
        ) from None


def _parse_text(text: str) -> Any:
    """Return the JSON that *text* is, or that is in its `@file`; `-` is stdin."""
    file = STDIN if text == STDIN else text.removeprefix("@")
    if text not in (STDIN, f"@{file}"):
        return parse_json(text, "--body")
    return parse_json(_read(file), "The standard input" if file == STDIN else file)


def _read(file: str) -> bytes:
    return sys.stdin.buffer.read() if file == STDIN else Path(file).read_bytes()
