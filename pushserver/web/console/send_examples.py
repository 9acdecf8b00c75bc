"""The same command as a program would send it: by curl, command line and Python."""

import shlex
from typing import Any
from urllib.parse import parse_qsl, quote, urlencode

import attrs
import msgspec

from pushserver.web.console.send_target import Target

_JSON_TYPE = "Content-Type: application/json"
_BYTES_TYPE = "Content-Type: application/octet-stream"
_AUTHORIZATION = '-H "Authorization: Bearer $PUSHSERVER_TOKEN"'
FILE = "photo.jpg"


@attrs.frozen
class Examples:
    """The three, as they are shown."""

    curl: str
    cli: str
    python: str


def make_examples(
    base: str, command: dict[str, Any], target: Target, *, has_file: bool
) -> Examples:
    """Return how to send a *command* to a *target*; *base* is the API's address."""
    return Examples(
        curl=_curl(base, command, target, has_file=has_file),
        cli=_cli(command, target, has_file=has_file),
        python=_python(command, target, has_file=has_file),
    )


def _curl(base: str, command: dict[str, Any], target: Target, *, has_file: bool) -> str:
    if target.identity is None:
        body = {"targets": target.json, "steps": [_step(command, has_file=has_file)]}
        return _curl_lines(f"{base}/tasks", _JSON_TYPE, _dumps(body))
    path = f"{base}/devices/{quote(target.words, safe='')}/commands"
    if has_file:
        address = f"{path}/bytes?{urlencode(_as_query(command))}"
        return _curl_lines(address, _BYTES_TYPE, f"@{FILE}", option="--data-binary")
    return _curl_lines(path, _JSON_TYPE, _dumps(command))


def _curl_lines(address: str, header: str, data: str, option: str = "-d") -> str:
    return " \\\n  ".join(
        (
            f"curl -s {shlex.quote(address)}",
            _AUTHORIZATION,
            f"-H {shlex.quote(header)}",
            f"{option} {shlex.quote(data)}",
        )
    )


def _cli(command: dict[str, Any], target: Target, *, has_file: bool) -> str:
    words = ["pushserver", "enqueue"]
    if target.identity is not None:
        words += [target.words, command["endpoint"]]
    else:
        words += [command["endpoint"], "--to", target.words]
    if has_file:
        words += ["--file", FILE]
    elif "body" in command:
        words += ["--body", _dumps(command["body"])]
    for name, value in parse_qsl(command.get("queryString", ""), True):
        words += ["--query", f"{name}={value}"]
    if "verb" in command:
        words += ["--verb", command["verb"]]
    return shlex.join(words)


def _python(command: dict[str, Any], target: Target, *, has_file: bool) -> str:
    """Return the call of the client's; the rest is as its page shows it."""
    if target.identity is None:
        step = _step(command, has_file=has_file)
        return f"client.tasks.create(\n    {target.json!r},\n    [{step!r}],\n)"
    if has_file:
        fields = _as_query(command)
        return (
            f"client.commands.enqueue_bytes(\n    {target.words!r},\n"
            f'    Path("{FILE}").read_bytes(),\n    {fields!r},\n)'
        )
    return f"client.commands.enqueue(\n    {target.words!r},\n    {command!r},\n)"


def _step(command: dict[str, Any], *, has_file: bool) -> dict[str, Any]:
    return command | ({"bodyBlob": "SHA-256"} if has_file else {})


def _as_query(command: dict[str, Any]) -> dict[str, Any]:
    metadata = command.get("metadata")
    given = {} if metadata is None else {"metadata": _dumps(metadata)}
    return {k: v for k, v in command.items() if k != "metadata"} | given


def _dumps(value: Any) -> str:
    return msgspec.json.encode(value).decode()
