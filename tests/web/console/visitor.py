"""Somebody who looks at the console, without a browser."""

import re
from typing import Any
from urllib.parse import urlencode

import attrs

from tests.web.local_server import TOKEN, LocalServer, Response

#: What a browser sends with a form of the console's own.
SAME_SITE = {"Sec-Fetch-Site": "same-origin"}


@attrs.define
class Visitor:
    """A visitor with a cookie, who reads pages in a language."""

    server: LocalServer
    cookie: str = ""
    language: str = "en"

    async def sign_in(self, token: str = TOKEN) -> Response:
        """Sign in with a token, and keep the cookie."""
        answer = await self.send("/sign-in", token=token)
        found = re.match(r"pushserver-session=([^;]+)", cookies(answer))
        if found:
            self.cookie = found[0]
        return answer

    async def get(self, path: str = "", **headers: str) -> Response:
        """Get a page below the console's."""
        return await self.request("GET", path, headers=headers)

    async def send(self, path: str, **fields: str) -> Response:
        """Send a form."""
        return await self.request(
            "POST",
            path,
            data=urlencode(fields).encode(),
            headers={
                **SAME_SITE,
                "Content-Type": "application/x-www-form-urlencoded",
            },
        )

    async def request(self, method: str, path: str, **options: Any) -> Response:
        """Send a request, and follow nothing."""
        headers = {"Accept-Language": self.language, **options.pop("headers", {})}
        if self.cookie:
            headers["Cookie"] = self.cookie
        return await self.server.request(
            method, "/console" + path, headers=headers, allow_redirects=False, **options
        )


def cookies(answer: Response) -> str:
    """Return the cookies that an answer sets."""
    return ", ".join(v for k, v in answer.headers.items() if k == "Set-Cookie")
