"""The runtime's only queue: binding contexts in, bursts of them out; and the filter that keeps our echoes off it."""

import heapq
import itertools
import threading
import time
from collections.abc import Iterable
from typing import Any

from slipway.cluster.rest.watch import ChangeKind
from slipway.operator.door import Key
from slipway.settings import APPROVE_ANNOTATION

#: One item of what shell-operator gives a hook.
BindingContext = dict[str, Any]


class Queue:
    """Contexts due now or later; `take` hands over all that are due, as shell-operator merges them."""

    def __init__(self) -> None:
        self._items: list[tuple[float, int, str, BindingContext]] = []
        self._order = itertools.count()
        self._changed = threading.Condition()

    def add(self, context: BindingContext, *, after: float = 0.0, name: str = "", once: bool = False) -> None:
        """Put one in, due in `after` seconds; it takes the place of one of the same name that waits.

        `once`: that one stays instead, so that what comes again and again is not put off for ever.
        """
        with self._changed:
            if once and any(item[2] == name for item in self._items):
                return
            if name:
                self._items = [item for item in self._items if item[2] != name]
                heapq.heapify(self._items)
            heapq.heappush(self._items, (time.monotonic() + after, next(self._order), name, context))
            self._changed.notify()

    def take(self, timeout: float) -> list[BindingContext]:
        """All that are due; waits up to `timeout` seconds for the first."""
        end = time.monotonic() + timeout
        with self._changed:
            while not self._due():
                left = min(end, self._items[0][0] if self._items else end) - time.monotonic()
                if left <= 0 and time.monotonic() >= end:
                    return []
                self._changed.wait(max(left, 0.001))
            return [heapq.heappop(self._items)[3] for _ in range(self._due())]

    def _due(self) -> int:
        now = time.monotonic()
        return sum(item[0] <= now for item in self._items)


class Filter:
    """Lets an object pass when its spec or its approval changed, as the hook's jqFilter does."""

    def __init__(self) -> None:
        self._seen: dict[Key, tuple[str, int, str]] = {}

    def passes(self, kind: ChangeKind, object_: dict[str, Any]) -> bool:
        """Whether this Added, Modified or Deleted object is news."""
        metadata = object_["metadata"]
        key = Key(metadata["namespace"], metadata["name"])
        if kind is ChangeKind.DELETED:
            self._seen.pop(key, None)
            return True
        return self._note(key, metadata)

    def reset(self, objects: Iterable[dict[str, Any]]) -> None:
        """A list was read: only what it holds is known."""
        self._seen.clear()
        for object_ in objects:
            metadata = object_["metadata"]
            self._note(Key(metadata["namespace"], metadata["name"]), metadata)

    def _note(self, key: Key, metadata: dict[str, Any]) -> bool:
        approval = (metadata.get("annotations") or {}).get(APPROVE_ANNOTATION, "")
        state = (metadata.get("uid", ""), metadata.get("generation", 0), approval)
        news = self._seen.get(key) != state
        self._seen[key] = state
        return news
