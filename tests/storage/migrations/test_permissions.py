"""What the tokens of schema 1 may do today."""

import pytest

from tests.storage.migrations.first import ROWS, make_first
from tests.storage.migrations.work import going_on

_INSERT = (
    "\n-- Every store\nINSERT INTO token (id, hash, name, permissions, created_at,"
    " scope_id) VALUES (7, 'x', 'x', '{}', 1, 1);\n"
)


@pytest.mark.parametrize(
    ("before", "gained"),
    [
        ("commands:write", {"commands:door"}),
        ("devices:read operations:write", {"commands:door"}),
        ("commands:read commands:write results:read", {"commands:door"}),
        ("admin", set()),
        ("commands:read operations:read", set()),
    ],
)
async def test_doors(empty: str, before: str, gained: set[str]) -> None:
    """
    Who could open doors still may; nobody else gains anything.
    """
    make_first(empty, ROWS + _INSERT.format(before))

    async with going_on(empty) as site:
        tokens = site.services.tokens.in_scope(1)

    (token,) = [each for each in tokens if each.id == 7]
    assert {*before.split()} | gained == token.permissions
