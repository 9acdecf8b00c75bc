"""What another server over the same store did, as far as this one must know of it."""

from collections.abc import Set as AbstractSet

import attrs

_NOBODY: frozenset[int] = frozenset()


@attrs.frozen(kw_only=True)
class News:
    """
    What is to be looked at again; it may be told twice, or in vain.

    For the devices that are `waiting` there may be a command. The commands that are
    `over` have ended. The scopes in `results` and `events` have new ones. `devices`
    were changed or seen, as were some of the `tokens` and of the `subscriptions`.
    `everything`: nobody knows what was missed.
    """

    waiting: AbstractSet[int] = _NOBODY
    over: AbstractSet[int] = _NOBODY
    results: AbstractSet[int] = _NOBODY
    events: AbstractSet[int] = _NOBODY
    devices: AbstractSet[int] = _NOBODY
    tokens: bool = False
    subscriptions: bool = False
    everything: bool = False
