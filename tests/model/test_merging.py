"""Merge patches of what is desired."""

from typing import Any

import pytest

from pushserver.errors import Invalid
from pushserver.model.merge_patch import apply_merge_patch, check_merge_patch
from pushserver.protocols.controlid.configuration import format_value
from tests.model.shadow_scenario import service

BEFORE = {"general": {"a": 1, "b": "x"}}


@pytest.mark.parametrize(
    ("patch", "after"),
    [
        ({}, {}),
        ({"general": {}}, {"general": {"a": 1, "b": "x"}}),
        ({"general": {"a": 2}}, {"general": {"a": 2, "b": "x"}}),
        ({"general": {"c": True}}, {"general": {"a": 1, "b": "x", "c": True}}),
        ({"general": {"a": None, "z": None}}, {"general": {"b": "x"}}),
        ({"general": None}, {"general": {}}),
        ({"ntp": {"on": 1}}, {"ntp": {"on": 1}}),
        ({"ntp": None}, {"ntp": {}}),
    ],
)
def test_merged(patch: Any, after: Any) -> None:
    """
    A patch is merged as in RFC 7396; only what it names is reported.
    """
    services = {
        name: service(name, desired=desired) for name, desired in BEFORE.items()
    }

    assert after == apply_merge_patch(services, check_merge_patch(patch, format_value))


def test_names_of_a_pointer() -> None:
    """
    A pointer is below what it is told to be below.
    """
    with pytest.raises(Invalid) as raised:
        check_merge_patch({"general": {"a/b": [1]}}, format_value, "/desired")

    assert "/desired/general/a~1b" == raised.value.pointer
    assert "an array" in raised.value.detail


def test_what_is_there_counts() -> None:
    """
    Properties that are already desired count towards the limits.
    """
    full = service(desired={f"p{n}": 1 for n in range(1000)})

    with pytest.raises(Invalid):
        apply_merge_patch({"general": full}, {"ntp": {"on": 1}})
    assert {} == apply_merge_patch({"general": full}, {})
