"""How a device reaches its server: the URLs, and the requests to them."""

from collections.abc import Mapping
from io import BytesIO
from urllib.parse import urlencode

import aiohttp
import attrs
from yarl import URL

from pushserver.simulate.quirks import Quirks


@attrs.frozen(kw_only=True)
class DeviceHttpClient:
    """
    Sends a device's requests to its `push_remote_address`.

    Every call raises `aiohttp.ClientError`, `OSError` (the server is away) or
    `TimeoutError` (it holds the request longer than the device waits).
    """

    server: str
    session: aiohttp.ClientSession
    prefix: str = ""
    key: str | None = None
    quirks: Quirks = attrs.field(factory=Quirks)

    async def get(
        self, path: str, query: Mapping[str, object], *, max_wait: float
    ) -> tuple[int, bytes]:
        """Ask for *path* under the push address; return the status and the body."""
        async with self.session.get(
            self._url(path, query),
            headers=self._headers(),
            timeout=aiohttp.ClientTimeout(total=max_wait),
        ) as answer:
            return answer.status, await answer.read()

    async def post(
        self,
        path: str,
        query: Mapping[str, object],
        body: bytes,
        content_type: str | None,
    ) -> int:
        """Send *body* to *path* under the push address; return the status."""
        content_headers = {"Content-Type": content_type} if content_type else {}
        async with self.session.post(
            self._url(path, query),
            data=BytesIO(body),
            headers={**self._headers(), **content_headers},
            skip_auto_headers=("Content-Type",),
        ) as answer:
            await answer.read()
            return answer.status

    async def post_unknown_request(self, path: str, body: bytes) -> int:
        """Send *body* to *path* at the server's root, as other features do."""
        url = URL(self.server.rstrip("/") + path, encoded=True)
        headers = {"Content-Type": "application/json"}
        async with self.session.post(url, data=body, headers=headers) as answer:
            await answer.read()
            return answer.status

    def _url(self, path: str, query: Mapping[str, object]) -> URL:
        given = {name: value for name, value in query.items() if value is not None}
        return URL(
            f"{self._base_url()}{path}{self._path_suffix()}?{urlencode(given)}",
            encoded=True,
        )

    def _base_url(self) -> str:
        key = f"/d/{self.key}" if self.key else ""
        doubled = "/push" if self.quirks.doubled_path else ""
        prefix = f"/{self.prefix.strip('/')}" if self.prefix.strip("/") else ""
        return self.server.rstrip("/") + prefix + key + doubled

    def _path_suffix(self) -> str:
        return "/" if self.quirks.trailing_slash else ""

    def _headers(self) -> dict[str, str]:
        return {"Connection": "close"} if self.quirks.new_connections else {}
