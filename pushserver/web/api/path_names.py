"""Names in paths: `command_id` in the source, `commandId` for programs."""

import re


def camel(path: str) -> str:
    """Return a path with its names in camel case, as programs see them."""
    return re.sub(r"_(\w)", lambda match: match[1].upper(), path)
