"""Makes calls that return at once what their coroutines return in the end.

`enqueue = Blocking(CommandCalls.enqueue)` has the arguments, their types and the text
of that coroutine, so nothing is said twice.
"""

from collections.abc import AsyncIterator, Callable, Coroutine, Iterator
from functools import wraps
from types import MethodType
from typing import Any, Concatenate, Generic, ParamSpec, Protocol, TypeVar

from pushserver.client.sync.loop_thread import LoopThread

P = ParamSpec("P")
T = TypeVar("T")


class ThreadOwner(Protocol):
    """Who has a thread with a loop, as long as it is open."""

    @property
    def loop_thread(self) -> LoopThread:
        """The thread."""


class BlockingCalls:
    """A group of calls; *calls* is the same group with coroutines."""

    def __init__(self, owner: ThreadOwner, calls: Any) -> None:
        self._owner = owner
        self._calls = calls


class Blocking(Generic[P, T]):
    """A method that waits for what a coroutine returns."""

    def __init__(
        self, method: Callable[Concatenate[Any, P], Coroutine[Any, Any, T]]
    ) -> None:
        @wraps(method)
        def call(group: BlockingCalls, *args: P.args, **kwargs: P.kwargs) -> T:
            thread = group._owner.loop_thread
            return thread.run(method(group._calls, *args, **kwargs))

        self._call = call

    def __get__(self, group: BlockingCalls | None, owner: type) -> Callable[P, T]:
        return self._call if group is None else MethodType(self._call, group)  # type: ignore[return-value]


class BlockingIterator(Generic[P, T]):
    """A method that returns an iterator over what an asynchronous one yields."""

    def __init__(self, method: Callable[Concatenate[Any, P], AsyncIterator[T]]) -> None:
        @wraps(method)
        def call(
            group: BlockingCalls, *args: P.args, **kwargs: P.kwargs
        ) -> Iterator[T]:
            thread = group._owner.loop_thread
            return thread.iterate(method(group._calls, *args, **kwargs))

        self._call = call

    def __get__(
        self, group: BlockingCalls | None, owner: type
    ) -> Callable[P, Iterator[T]]:
        return self._call if group is None else MethodType(self._call, group)  # type: ignore[return-value]
