"""A device's objects are stored as the vendor's calls say."""

from typing import Any

import pytest

from pushserver.simulate.messages import DeviceError
from pushserver.simulate.objects import FIRST_USER, ObjectStore


@pytest.fixture(name="objects")
def _objects() -> ObjectStore:
    objects = ObjectStore()
    names = ("Ana", "Bruno", "Carla")
    values = [{"id": 10 + n, "name": name} for n, name in enumerate(names)]
    objects.create({"object": "people", "values": values})
    return objects


def names_where(objects: ObjectStore, where: Any, **more: Any) -> list[str]:
    """Return the names of the rows that match."""
    found = objects.load({"object": "people", "where": where, **more})
    return [row["name"] for row in found["people"]]


def test_first_user_is_the_vendors() -> None:
    """
    A device that nobody loaded holds the user of the vendor's page.
    """
    assert {"users": [dict(FIRST_USER)]} == ObjectStore().load({"object": "users"})


def test_unknown_object_is_empty() -> None:
    """
    An object of which there is none is an empty list.
    """
    assert {"cards": []} == ObjectStore().load({"object": "cards"})


@pytest.mark.parametrize(
    ("where", "expected"),
    [
        ({"people": {"id": 11}}, ["Bruno"]),
        ({"people": {"id": [10, 12]}}, ["Ana", "Carla"]),
        ({"people": {"id": {">=": 11}}}, ["Bruno", "Carla"]),
        ({"people": {"id": {">": 10, "<": 12}}}, ["Bruno"]),
        ({"people": {"name": {"like": "%A"}}}, ["Ana", "Carla"]),
        ({"people": {"name": {"NOT IN": ["Ana"]}}}, ["Bruno", "Carla"]),
        ({"people": {"nothing": 1}}, []),
        ([{"object": "people", "field": "id", "value": 12}], ["Carla"]),
        ([{"field": "id", "operator": "!=", "value": 12}], ["Ana", "Bruno"]),
        (None, ["Ana", "Bruno", "Carla"]),
    ],
)
def test_where(objects: ObjectStore, where: Any, expected: Any) -> None:
    """
    Both forms of `where` choose the rows they describe.
    """
    assert expected == names_where(objects, where)


def test_order_limit_offset_fields(objects: ObjectStore) -> None:
    """
    Rows come in the order asked for, a part of them, with the fields asked for.
    """
    page = {"object": "people", "order": ["name", "descending"], "limit": 1}

    assert ["Carla", "Bruno", "Ana"] == names_where(
        objects, None, order=["name", "descending"]
    )
    assert {"people": [{"name": "Bruno"}]} == objects.load(
        {**page, "offset": 1, "fields": ["name"]}
    )


def test_create_gives_ids() -> None:
    """
    A new object without an id gets a free one, and a user what users have.
    """
    objects = ObjectStore()

    assert {"ids": [2, 9, 4]} == objects.create(
        {"object": "users", "values": [{"name": "a"}, {"id": 9}, {"name": "b"}]}
    )
    assert "Heisenberg" not in str(objects.load({"object": "users", "offset": 1}))


def test_create_is_all_or_nothing(objects: ObjectStore) -> None:
    """
    One id that exists fails the whole call.
    """
    with pytest.raises(DeviceError, match=r"UNIQUE constraint failed: people\.id"):
        objects.create({"object": "people", "values": [{"id": 50}, {"id": 10}]})

    assert [] == names_where(objects, {"people": {"id": 50}})


def test_create_or_modify(objects: ObjectStore) -> None:
    """
    Existing objects are changed, others are created.
    """
    values = [{"id": 10, "name": "Anna"}, {"id": 20, "name": "Dora"}]

    assert {"changes": 2} == objects.create_or_modify(
        {"object": "people", "values": values}
    )
    assert ["Anna", "Bruno", "Carla", "Dora"] == names_where(objects, None)


def test_modify(objects: ObjectStore) -> None:
    """
    The rows that match are changed, and counted.
    """
    where = {"people": {"id": [10, 11]}}

    assert {"changes": 2} == objects.modify(
        {"object": "people", "values": {"name": "X"}, "where": where}
    )
    assert ["X", "X", "Carla"] == names_where(objects, None)


def test_destroy(objects: ObjectStore) -> None:
    """
    The rows that match go; without `where`, all do.
    """
    where = {"people": {"id": 10}}

    assert {"changes": 1} == objects.destroy({"object": "people", "where": where})
    assert {"changes": 2} == objects.destroy({"object": "people"})
    assert [] == names_where(objects, None)


@pytest.mark.parametrize(
    "fields",
    [{}, {"object": 3}, {"object": "users"}, {"object": "users", "values": [1]}],
)
def test_bad_fields_are_refused(fields: dict[str, Any]) -> None:
    """
    A field that is missing or of a wrong type is refused in words.
    """
    with pytest.raises(DeviceError):
        ObjectStore().create(fields)
    with pytest.raises(DeviceError):
        ObjectStore().modify(fields)
