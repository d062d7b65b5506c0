"""A run of a module's life that is killed before one of its writes, or right after it, as by SIGKILL."""

from collections.abc import Callable
from dataclasses import replace
from typing import Any

from slipway.cluster.lifecycle.work import Work


class Killed(BaseException):
    """As SIGKILL: nothing of the process runs any more, no handler of errors either."""


class Dying:
    """A client, or a Helm, of a process that is killed at its nth call of one that changes something.

    `after`: when the cluster has done it, and the process has not heard so.
    """

    CHANGING = frozenset({"apply", "create", "merge", "patch", "delete", "install_or_upgrade", "uninstall"})

    def __init__(self, real: Any, left: list[int], *, after: bool) -> None:
        self._real, self._left, self._after = real, left, after

    def __getattr__(self, name: str) -> Any:
        found = getattr(self._real, name)
        return self._counted(found) if name in self.CHANGING else found

    def _counted(self, call: Any) -> Any:
        def counted(*arguments: Any, **options: Any) -> Any:
            self._left[0] -= 1
            if self._left[0] == 0:
                if self._after:
                    call(*arguments, **options)
                raise Killed
            return call(*arguments, **options)

        return counted


def is_killed(work_on: Callable[[Work], object], work: Work, nth: int, *, after: bool = False) -> bool:
    """Whether it has so many writes that it was killed at this one."""
    left = [nth]
    client: Any = Dying(work.client, left, after=after)
    helm: Any = Dying(work.helm, left, after=after)
    try:
        work_on(replace(work, client=client, helm=helm))
    except Killed:
        return True
    return False
