#!/usr/bin/env python3
"""Follow the results of all devices, with nothing but the standard library.

    PUSHSERVER_TOKEN=pst_… scripts/results.py

An example to copy from. Each result is printed as one line of JSON: do your own work
in `handle`. The place in the stream is kept in the file `results.cursor`, so that a
next run goes on where this one ended.
"""

import json
import os
import sys
import time
import urllib.error
import urllib.parse
import urllib.request
from pathlib import Path
from typing import Any

SERVER = os.environ.get("PUSHSERVER_SERVER", "http://127.0.0.1:8080").rstrip("/")
TOKEN = os.environ.get("PUSHSERVER_TOKEN", "")
CURSOR = Path(os.environ.get("CURSOR_FILE", "results.cursor"))

#: Seconds for which the server holds its answer while there is nothing new.
WAIT = 20
#: Seconds between two tries while the server is away.
PAUSE = 5
#: From this status on it is the server's trouble, which may pass.
SERVER_ERROR = 500


def handle(result: dict[str, Any]) -> None:
    """Do something with one result; here, print it."""
    sys.stdout.write(json.dumps(result, separators=(",", ":")) + "\n")
    sys.stdout.flush()


def page_after(cursor: str | None) -> dict[str, Any]:
    """Ask for the results after *cursor*; without one, from the oldest on."""
    query = {
        "limit": "500",
        "wait": str(WAIT),
        **({"cursor": cursor} if cursor else {}),
    }
    request = urllib.request.Request(  # noqa: S310 - the address is the user's own
        f"{SERVER}/api/v1/results?{urllib.parse.urlencode(query)}",
        headers={"Authorization": f"Bearer {TOKEN}"},
    )
    with urllib.request.urlopen(request, timeout=WAIT + 30) as answer:  # noqa: S310
        return dict(json.load(answer))


def remember(cursor: str) -> None:
    """Keep *cursor*, wholly or not at all."""
    fresh = CURSOR.with_suffix(".new")
    fresh.write_text(cursor)
    fresh.replace(CURSOR)


def follow() -> None:
    """Handle results for ever; wait for a server that is away."""
    cursor = CURSOR.read_text() if CURSOR.exists() else None
    while True:
        try:
            page = page_after(cursor)
        except urllib.error.HTTPError as error:
            if error.code < SERVER_ERROR:
                # A wrong token or cursor does not get better by asking again.
                sys.exit(f"{error.code}: {error.read().decode(errors='replace')}")
            time.sleep(PAUSE)
            continue
        except OSError:
            time.sleep(PAUSE)
            continue
        for result in page["items"]:
            handle(result)
        # Only now: a crash before this line repeats the page, and loses nothing. Where
        # that matters, `result["id"]` tells which ones you have had already.
        cursor = page["nextCursor"]
        remember(cursor)


if __name__ == "__main__":
    try:
        follow()
    except KeyboardInterrupt:
        sys.exit(0)
