"""Ids in order, while others come and go."""

import random
from itertools import chain

from pushserver.services.batches import BATCH_SIZE
from pushserver.services.ordered_ids import OrderedIds

MANY = 20 * BATCH_SIZE


def ordered(*ids: int) -> OrderedIds:
    """Return them in order."""
    made = OrderedIds()
    made.load(ids)
    return made


def upward(ids: OrderedIds, after: int | None = None) -> list[int]:
    """Return those above an id."""
    return list(chain.from_iterable(ids.walk(after)))


def downward(ids: OrderedIds, before: int | None = None) -> list[int]:
    """Return those below an id, the largest first."""
    return list(chain.from_iterable(ids.walk_back(before)))


def test_like_a_set() -> None:
    """Ids that are added and removed in any order are there once, in theirs."""
    chance, expected = random.Random(1), set(range(0, MANY, 2))  # noqa: S311 - a game
    ids = ordered(*expected)
    for _ in range(3 * MANY):
        number = chance.randrange(MANY)
        if chance.random() < 0.5:
            ids.add(number)
            expected.add(number)
        else:
            ids.discard(number)
            expected.discard(number)

    assert sorted(expected) == upward(ids)
    assert sorted(expected, reverse=True) == downward(ids)
    for place in chance.sample(range(-1, MANY + 1), 50):
        assert sorted(i for i in expected if i > place) == upward(ids, place)
        below = sorted((i for i in expected if i < place), reverse=True)
        assert below == downward(ids, place)


def test_few() -> None:
    """There may be none, and again none."""
    ids = OrderedIds()
    ids.discard(1)

    assert ([], []) == (upward(ids), downward(ids))
    ids.add(1)
    ids.add(1)
    assert ([1], [1]) == (upward(ids), downward(ids))
    ids.discard(1)
    assert ([], []) == (upward(ids), downward(ids))


def test_a_few_at_a_time() -> None:
    """However they came, whoever walks over them gets no more than a few at a time."""
    came = OrderedIds()
    for number in range(MANY):
        came.add(number)
    for ids in (came, ordered(*range(MANY))):
        assert BATCH_SIZE >= max(map(len, ids.walk()))
        assert BATCH_SIZE >= max(map(len, ids.walk_back()))


def test_changes_on_the_way() -> None:
    """Who walks over them meets each once that stays, whatever comes and goes."""
    for walk in (OrderedIds.walk, OrderedIds.walk_back):
        ids, met = ordered(*range(0, MANY, 2)), list[int]()
        chance = random.Random(2)  # noqa: S311 - a game
        for some in walk(ids):
            met += some
            for _ in range(300):
                ids.add(2 * chance.randrange(MANY // 2) + 1)
                ids.discard(4 * chance.randrange(MANY // 4))

        assert len(set(met)) == len(met)
        assert set(range(2, MANY, 4)) <= set(met)
