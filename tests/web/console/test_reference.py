"""The reference of the API: all that OpenAPI describes, offline, for everybody."""

import re

from pushserver.web.console.page import POLICY
from tests.web.local_server import LocalServer


async def test_whole(server: LocalServer) -> None:
    """
    Every call, webhook, schema and error is there, with its examples; no token and no
    script is needed, and every link leads to something.
    """
    answer = await server.request("GET", "/api/v1/docs")
    page = answer.body.decode()
    described = (await server.request("GET", "/api/v1/openapi.json")).json()
    operations = [
        operation["operationId"]
        for each in (*described["paths"].values(), *described["webhooks"].values())
        for operation in each.values()
    ]
    schemas = [f"schema-{name}" for name in described["components"]["schemas"]]
    ids = set(re.findall(r'\bid="([^"]+)"', page))
    links = set(re.findall(r'href="#([^"]+)"', page))

    assert (200, POLICY) == (answer.status, answer.headers["Content-Security-Policy"])
    assert set() == {*operations, *schemas, *links} - ids
    assert "error-queue-full" in ids
    assert "&#34;endpoint&#34;: &#34;load_objects&#34;" in page
    assert not re.search(r"<script(?! defer src)|<style|\sstyle=", page)


async def test_language(server: LocalServer) -> None:
    """
    Its own words are in the reader's language, what OpenAPI says in English.
    """
    headers = {"Accept-Language": "pt-BR"}
    page = (await server.request("GET", "/api/v1/docs", headers=headers)).body.decode()

    assert "Referência da API" in page
    assert 'lang="en"' in page
