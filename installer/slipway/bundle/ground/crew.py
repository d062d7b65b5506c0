"""Threads that share a list of work."""

import threading
from collections.abc import Callable, Iterable
from concurrent.futures import FIRST_EXCEPTION, CancelledError, ThreadPoolExecutor, wait
from typing import Self, TypeVar

Item = TypeVar("Item")
Result = TypeVar("Result")


class Crew:
    """The first failure ends it: what has not begun is not begun, what has begun is waited for."""

    def __init__(self, parallel: int, name: str) -> None:
        self._pool = ThreadPoolExecutor(parallel, name)

    def __enter__(self) -> Self:
        return self

    def __exit__(self, *_: object) -> None:
        self._pool.shutdown(wait=True, cancel_futures=True)

    def each(self, work: Callable[[Item], Result], items: Iterable[Item]) -> list[Result]:
        """Results in the order of the items."""
        failed = threading.Event()

        def one(item: Item) -> Result:
            if failed.is_set():
                raise CancelledError
            try:
                return work(item)
            except BaseException:
                failed.set()
                raise

        futures = [self._pool.submit(one, item) for item in items]
        wait(futures, return_when=FIRST_EXCEPTION)
        if failed.is_set():
            wait(futures)
            errors = [future.exception() for future in futures]
            raise next(error for error in errors if error and not isinstance(error, CancelledError))
        return [future.result() for future in futures]
