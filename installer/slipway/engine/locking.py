"""One writer: host locks and the cluster's Lease, taken before the first change, kept while it runs, given back.

For a plan, and for a collection of the site registry, during which nobody may push.

A lock that somebody else holds is waited for as long as its holder may be dead; a holder that is alive renews it,
and is named in the refusal. A holder on this machine whose process is gone is dead for certain: its place is taken.
"""

import os
import re
import socket
import threading
import time
from collections.abc import Callable, Iterable
from pathlib import Path
from typing import TYPE_CHECKING, Self

from slipway.engine.context import Context
from slipway.errors import ConflictError, HeldError, SlipwayError, StalePlanError
from slipway.model.observed import Observed
from slipway.model.plan import Plan, StepKind
from slipway.probe import locks
from slipway.probe.access import HostError
from slipway.probe.fleet import Fleet
from slipway.settings import LOCK_SECONDS, NAMESPACE

if TYPE_CHECKING:
    from slipway.cluster.lease import Lease

#: A third of a lock's life: two renewals may fail before it is lost.
RENEW_SECONDS = LOCK_SECONDS / 3


class Locks:
    """Context manager around an operation on these hosts. `cluster`: whether there is one, whose Lease is taken.

    `epoch` is higher than that of any lock seen. `note` is told why the operation waits or stops.
    """

    def __init__(
        self,
        context: Context,
        hosts: Iterable[str],
        *,
        cluster: bool,
        epoch: int,
        note: Callable[[str], None],
    ) -> None:
        self.context = context
        self.hosts = tuple(dict.fromkeys(hosts))
        self.cluster = cluster
        self.epoch = epoch
        self.note = note
        self.silent: dict[str, HostError] = {}
        """Hosts that have stopped answering since they were read: not locked, so they must not be touched."""
        self.lost = False
        self._waited = False
        self._fleet: Fleet | None = None
        self._lease: Lease | None = None
        self._stop = threading.Event()
        self._keeper = threading.Thread(target=self._keep, name="lock-keeper", daemon=True)

    @classmethod
    def of(cls, plan: Plan, context: Context, observed: Observed, note: Callable[[str], None]) -> Self:
        """For the hosts that a plan changes, and those of the site registry where it pushes."""
        steps = [step for step in plan.steps if not step.hold]
        epoch = 1 + max((h.lock.epoch for h in observed.hosts.values() if h.lock), default=0)
        hosts = [step.target for step in steps if step.kind is StepKind.HOST]
        if any(step.kind is StepKind.MIRROR for step in steps):
            hosts += [host.name for host in context.configuration.registry_hosts]
        return cls(context, hosts, cluster=observed.cluster.reachable, epoch=epoch, note=note)

    def __enter__(self) -> Self:
        try:
            if self.cluster:
                self.take_lease()
            if self.hosts:
                self._fleet = self._open_fleet()
                self._patiently(self._lock_hosts)
            self._refuse_stale()
        except BaseException:
            self._give_back()
            raise
        self._keeper.start()
        return self

    def __exit__(self, *_: object) -> None:
        self._stop.set()
        self._keeper.join()
        self._give_back()

    def _refuse_stale(self) -> None:
        """Whoever was waited for has changed what the plan was made from."""
        if self._waited:
            raise StalePlanError(
                "another operation ended while this one waited for its lock",
                hint="plan again, or run the same command again",
            )

    def take_lease(self) -> None:
        """Take the Lease; called again once a run has made the cluster.

        A run that was killed between `kubeadm init` and the settings left a cluster without our namespace.
        """
        from slipway.cluster.lease import Lease
        from slipway.cluster.settings import ensure_namespace

        if self._lease is None:
            ensure_namespace(self.context.client(), NAMESPACE)
            lease = Lease(self.context.client(), self.context.configuration.name, self.context.holder)
            self._patiently(lambda: self._acquire(lease))
            self._lease = lease

    def _acquire(self, lease: "Lease") -> None:
        try:
            self.epoch = max(self.epoch, lease.acquire())
        except HeldError as error:
            if not dead_here(error.holder):
                raise
            self.epoch = max(self.epoch, lease.acquire(instead_of=error.holder))

    def _lock_hosts(self) -> None:
        assert self._fleet  # noqa: S101 - opened by __enter__
        holder = self.context.holder
        try:
            self.silent = locks.acquire(self._fleet, holder, self.epoch, hosts=self.hosts)
        except HeldError as error:
            if not dead_here(error.holder):
                raise
            self.silent = locks.acquire(
                self._fleet, holder, self.epoch, hosts=self.hosts, instead_of=error.holder
            )

    def _patiently(self, attempt: Callable[[], None]) -> None:
        """Wait for a holder that may be dead: until its lock would have expired, no longer."""
        deadline = time.monotonic() + LOCK_SECONDS + 5
        while True:
            try:
                attempt()
            except HeldError as error:
                if time.monotonic() > deadline:
                    raise
                if not self._waited:
                    self.note(f"waiting: {error.what} ({error.where})")
                self._waited = True
                time.sleep(1)
            else:
                return

    def _open_fleet(self) -> Fleet:
        chosen = [host for host in self.context.configuration.hosts if host.name in self.hosts]
        return Fleet(chosen, self.context.access())

    def _keep(self) -> None:
        while not self._stop.wait(RENEW_SECONDS):
            try:
                if self._lease:
                    self._lease.renew()
                if self._fleet:
                    locks.renew(self._fleet, self.context.holder, self.epoch)
            except ConflictError as error:
                self.lost = True
                self.note(f"stopping: {error.what}")
                return
            except SlipwayError as error:  # the API restarts, a host reboots: the next renewal may succeed
                self.note(f"a lock could not be renewed: {error.what}")

    def _give_back(self) -> None:
        if self._fleet:
            locks.release(self._fleet, self.context.holder, self.epoch)
            self._fleet.close()
        if self._lease:
            try:
                self._lease.release()
            except SlipwayError as error:
                self.note(f"the Lease could not be given back, it expires by itself: {error.what}")


def dead_here(holder: str) -> bool:
    """Whether the holder was a process of this machine, and is gone."""
    found = re.fullmatch(r"slipway@(\S+):(\d+)", holder)
    return found is not None and found[1] == socket.gethostname() and not _is_slipway(int(found[2]))


def _is_slipway(pid: int) -> bool:
    if pid == os.getpid():
        return True
    try:
        return b"slipway" in Path(f"/proc/{pid}/cmdline").read_bytes()
    except OSError:
        return False
