"""One writer: host locks and the cluster's Lease, taken before the first change, kept while it runs, given back.

For a plan, and for a collection of the site registry, during which nobody may push.

A lock that somebody else holds is waited for until it has expired, or its holder is seen to live: that one is named in
the refusal. A holder whose process is gone from this machine is dead for certain: its place is taken at once.
"""

from collections.abc import Callable, Iterable
from typing import TYPE_CHECKING, Self

from slipway.engine.context import Context
from slipway.engine.keeping import Keeper
from slipway.engine.patience import repeat_while_refused
from slipway.errors import ConflictError, HeldError, Interrupted, SlipwayError, StalePlanError, TransientError
from slipway.holders import is_gone
from slipway.model.observed import Observed
from slipway.model.plan import Plan, StepKind
from slipway.probe import locks
from slipway.probe.access import HostError
from slipway.probe.fleet import Fleet
from slipway.settings import LOCK_SECONDS, NAMESPACE

if TYPE_CHECKING:
    from slipway.cluster.locks.lease import Lease

#: Steps that change nothing but hosts, which have locks of their own.
_ON_HOSTS = frozenset({StepKind.HOST, StepKind.MIRROR})


class Locks:
    """Context manager around an operation on these hosts. `cluster`: whether there is one, whose Lease is taken.

    `seen`: epochs of the hosts' locks. On a host the operation has a higher one, and the Lease's where that is higher;
    it stays what it is when the operation begins. `note` is told why the operation waits or stops; `cancelled` ends the
    waiting. `seconds`: a lock's life without renewal; two of its renewals may fail.
    """

    def __init__(
        self,
        context: Context,
        hosts: Iterable[str],
        *,
        cluster: bool,
        seen: locks.Epochs,
        note: Callable[[str], None],
        cancelled: Callable[[], bool] = lambda: False,
        seconds: int = LOCK_SECONDS,
    ) -> None:
        self.context = context
        self.hosts = tuple(dict.fromkeys(hosts))
        self.cluster = cluster
        self.epoch = 1
        """The Lease's, where it was taken before the operation began."""
        self._own = {host: 1 + epoch for host, epoch in seen.items()}
        self.note = note
        self.silent: dict[str, HostError] = {}
        """Hosts that have stopped answering since they were read: not locked, so they must not be touched."""
        self._cancelled = cancelled
        self._seconds = seconds
        self._waited = False
        self._told = False
        self._begun = False
        self._lost: SlipwayError | None = None
        self._fleet: Fleet | None = None
        self._lease: Lease | None = None
        self._leased = False
        self._keepers: list[Keeper] = []

    @classmethod
    def of(
        cls,
        plan: Plan,
        context: Context,
        observed: Observed,
        note: Callable[[str], None],
        cancelled: Callable[[], bool] = lambda: False,
    ) -> Self:
        """For the hosts that a plan changes, and those of the site registry where it pushes."""
        steps = [step for step in plan.steps if not step.hold]
        seen = {name: host.lock.epoch for name, host in observed.hosts.items() if host.lock}
        hosts = [step.target for step in steps if step.kind is StepKind.HOST]
        if any(step.kind is StepKind.MIRROR for step in steps):
            hosts += [host.name for host in context.configuration.registry_hosts]
        cluster = observed.cluster.reachable
        return cls(context, hosts, cluster=cluster, seen=seen, note=note, cancelled=cancelled)

    def __enter__(self) -> Self:
        try:
            if self.cluster:
                self.take_lease()
            if self.hosts:
                self._fleet = self._open_fleet()
                self._patiently(self._lock_hosts)
                self._keep("the hosts' locks", self._renew_hosts)
            self._refuse_stale()
        except BaseException:
            self._give_back()
            raise
        self._begun = True
        return self

    def __exit__(self, *_: object) -> None:
        self._give_back()

    def epoch_on(self, host: str) -> int:
        """The operation's epoch on a host, by which that host judges its steps."""
        return locks.epoch_on(host, self.epoch, self._own)

    @property
    def lost(self) -> SlipwayError | None:
        """Why nothing more may be begun: somebody else has a lock now, or its keeping failed."""
        return self._lost or next((keeper.failure for keeper in self._keepers if keeper.failure), None)

    def confirm(self, kind: StepKind) -> None:
        """Asked before steps of this kind: are the locks ours? Costs a request only after renewals have failed.

        Raises:
            ConflictError: somebody else has one of them.
            TransientError: the API does not say whose the Lease is, and the steps change the cluster.
        """
        if self.lost:
            raise self.lost
        if self._leased and self._lease and not self._lease.sure:
            try:
                self._lease.renew()
            except ConflictError as error:
                self._lost = error
                raise
            except TransientError:
                if kind not in _ON_HOSTS:
                    raise

    def _refuse_stale(self) -> None:
        """Whoever was waited for has changed what the plan was made from."""
        if self._waited:
            raise StalePlanError(
                "another operation ended while this one waited for its lock",
                hint="plan again, or run the same command again",
            )

    def take_lease(self) -> None:
        """Take the Lease; called again once a run has made the cluster, and then has an epoch of its own.

        A run that was killed between `kubeadm init` and the settings left a cluster without our namespace.
        """
        from slipway.cluster.locks.lease import Lease
        from slipway.cluster.own.settings import ensure_namespace

        if self._leased:
            return
        ensure_namespace(self.context.client(), NAMESPACE)
        name = self.context.configuration.lease
        self._lease = lease = Lease(self.context.client(), name, self.context.holder, seconds=self._seconds)
        self._patiently(lambda: self._acquire(lease))
        if not self._begun:  # a host knows an operation by one epoch, from its first step to its last
            self.epoch = lease.epoch
        self._leased = True
        self._keep("the Lease", lease.renew)

    def _acquire(self, lease: "Lease") -> None:
        try:
            lease.acquire()
        except HeldError as error:
            if not is_gone(error.holder):
                raise
            lease.acquire(instead_of=error.holder)

    def _lock_hosts(self) -> None:
        try:
            self._lock_hosts_of("")
        except HeldError as error:
            if not is_gone(error.holder):
                raise
            self._lock_hosts_of(error.holder)

    def _lock_hosts_of(self, dead: str) -> None:
        assert self._fleet  # noqa: S101 - opened by __enter__
        self.silent = locks.acquire(
            self._fleet,
            self.context.holder,
            self.epoch,
            hosts=self.hosts,
            own=self._own,
            seconds=self._seconds,
            instead_of=dead,
        )

    def _renew_hosts(self) -> None:
        assert self._fleet  # noqa: S101 - opened by __enter__
        mine = [host for host in self.hosts if host not in self.silent]
        holder, seconds = self.context.holder, self._seconds
        locks.renew(self._fleet, holder, self.epoch, hosts=mine, own=self._own, seconds=seconds)

    def _patiently(self, attempt: Callable[[], None]) -> None:
        """Wait for most of a lock's life; by then a holder that lives has renewed it."""
        waited = repeat_while_refused(
            attempt, patience=self._seconds * 2 / 3, seconds=self._seconds, waiting=self._tell_waiting
        )
        self._waited = self._waited or waited

    def _tell_waiting(self, error: HeldError) -> None:
        if not self._told:
            self.note(f"waiting: {error.what} ({error.where})")
        self._told = True
        if self._cancelled():
            raise Interrupted(f"stopped while {error.what}", where=error.where)

    def _open_fleet(self) -> Fleet:
        chosen = [host for host in self.context.configuration.hosts if host.name in self.hosts]
        return Fleet(chosen, self.context.access())

    def _keep(self, name: str, renew: Callable[[], None]) -> None:
        keeper = Keeper(name, renew, seconds=self._seconds / 3, note=self.note)
        self._keepers.append(keeper)
        keeper.start()

    def _give_back(self) -> None:
        for keeper in self._keepers:
            keeper.stop()
        if self._fleet:
            mine = [host for host in self.hosts if host not in self.silent]
            locks.release(self._fleet, self.context.holder, self.epoch, hosts=mine, own=self._own)
            self._fleet.close()
        if self._lease:
            try:
                self._lease.release()
            except SlipwayError as error:
                self.note(f"the Lease could not be given back, it expires by itself: {error.what}")
