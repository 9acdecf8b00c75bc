"""Requests that a web page made: a browser is no terminal.

A page anywhere can have its visitors' browsers poll with `<img src=…>`, and take the
order of a door in a network that the page itself does not reach.
"""

import re
from collections.abc import Iterable

#: What browsers add and no terminal sends; names of headers have any case. Those that
#: begin with `Sec-` are the browser's own: no script of a page can set them.
_BROWSER_HEADER = re.compile(r"origin\Z|referer\Z|sec-", re.IGNORECASE)
_INITIALS = frozenset("OoRrSs")

COUNT = "refused.browser"


def is_from_browser(header_names: Iterable[str]) -> bool:
    """Tell whether a request with these headers comes from a browser."""
    for name in header_names:
        if name[:1] in _INITIALS and _BROWSER_HEADER.match(name):
            return True
    return False
