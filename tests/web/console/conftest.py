"""Fixtures for the console: somebody who is signed in."""

import pytest

from tests.web.console.visitor import Visitor
from tests.web.local_server import LocalServer


@pytest.fixture(name="visitor")
async def _visitor(server: LocalServer) -> Visitor:
    """Return an administrator, signed in."""
    visitor = Visitor(server)
    await visitor.sign_in()
    return visitor
