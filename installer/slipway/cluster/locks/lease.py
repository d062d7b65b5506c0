"""One writer per ClusterConfiguration: a Lease with a holder and an epoch that rises at each takeover.

The engine holds it while an operation runs and renews it from a thread; hosts have locks of their own. Unlike the
operator's election this one answers at once: the other's name, not a wait.

No clock is compared with another machine's. Who wants a held Lease looks again and again, and has it once it has stood
still for its duration (`holders.Sighting`); `renewTime` is for people, and only has to differ each time.
"""

import threading
from collections.abc import Callable
from datetime import datetime, timedelta
from typing import Any, Final

from slipway.clock import exact_text, utc_now
from slipway.cluster.rest.client import Client, Object
from slipway.errors import ConflictError, HeldError
from slipway.holders import Sighting, name_of, seconds_awake_or_asleep
from slipway.settings import LEASE_PREFIX, LOCK_SECONDS, NAMESPACE

LEASE: Final = ("coordination.k8s.io/v1", "Lease")

#: Seconds after which a Lease that nobody renews is free, whatever it says: no release of Slipway takes one so long.
LONGEST: Final = 600

#: What the API takes for a number of takings.
_MOST_TAKINGS: Final = 2**31 - 1


class Lease:
    """The Lease `slipway-NAME`; `epoch` is valid after `acquire`. Threads may share it.

    `sighting`: what was seen of it before; `wall`: the clock shown to people; `uptime`: the holder's own, which goes
    on while the machine sleeps.
    """

    def __init__(
        self,
        client: Client,
        name: str,
        holder: str,
        *,
        namespace: str = NAMESPACE,
        seconds: int = LOCK_SECONDS,
        sighting: Sighting | None = None,
        wall: Callable[[], datetime] | None = None,
        uptime: Callable[[], float] | None = None,
    ) -> None:
        self._client = client
        self._name = f"{LEASE_PREFIX}{name}"
        self._namespace = namespace
        self._seconds = seconds
        self._sighting = sighting or Sighting()
        self._wall = wall or utc_now
        self._uptime = uptime or seconds_awake_or_asleep
        self._lock = threading.Lock()
        self._held: Object | None = None
        self._wanted = False
        self._confirmed = 0.0
        self.holder = holder
        self.epoch = 0

    def acquire(self, *, at_least: int = 1, instead_of: str = "") -> int:
        """Take it and return the epoch, which is `at_least` that; HeldError names who holds it.

        `instead_of` is a holder that the caller knows to be dead: its Lease is taken at once.
        """
        with self._lock:
            self._wanted = True
            found = self._read()
            if found is None:
                self._write(self._client.create, {}, at_least)
                return self.epoch
            spec = found.get("spec") or {}
            self._refuse_other(spec, instead_of)
            former = int(spec.get("leaseTransitions") or 0)
            if max(former, at_least) >= _MOST_TAKINGS:
                raise self._uncountable(max(former, at_least))
            own = spec.get("holderIdentity") == self.holder  # a taking whose answer was lost
            self._write(self._client.replace, found, max(at_least, former if own else former + 1))
            return self.epoch

    def refuse_held(self) -> None:
        """Take nothing; HeldError when somebody else holds it now."""
        self._refuse_other((self._read() or {}).get("spec") or {}, "")

    def renew(self) -> None:
        """Say that this holder lives; ConflictError when somebody took it."""
        with self._lock:
            if self._held is None:
                raise ConflictError("the Lease was given back", where=self._where)
            self._write(self._client.replace, self._held, self.epoch)

    @property
    def sure(self) -> bool:
        """Whether nobody else can have it: it was renewed less than its duration ago, by our own clock."""
        return self._uptime() - self._confirmed < self._seconds

    def release(self) -> None:
        """Give it up, so that the next need not wait. Somebody else's stays."""
        with self._lock:
            if not self._wanted:
                return
            held, self._held, self._wanted = self._held, None, False
            if held is None or not self._let_go(held):
                found = self._read()  # an own write whose answer was lost
                if found is not None and _holder(found) == self.holder:
                    self._let_go(found)

    def _let_go(self, found: Object) -> bool:
        try:
            self._client.replace(found | {"spec": found["spec"] | {"holderIdentity": ""}})
        except ConflictError:
            return False
        return True

    def _write(self, put: Callable[[Object], Object], found: Object, epoch: int) -> None:
        """Create it, or replace what was found.

        A conflict is none with an own write whose answer was lost, nor where somebody deleted the Lease.
        """
        for attempt in (1, 2):
            began = self._uptime()
            try:
                self._held = put(self._document(found, epoch))
            except ConflictError as exc:
                now = self._read() or {}
                if attempt > 1 or (now and not self._mine(now, epoch)):
                    raise self._taken(now.get("spec") or {}) from exc
                put, found = (self._client.replace if now else self._client.create), now
            else:
                self.epoch, self._confirmed = epoch, began
                return

    def _mine(self, found: Object, epoch: int) -> bool:
        return _holder(found) == self.holder and found["spec"].get("leaseTransitions") == epoch

    def _read(self) -> Object | None:
        return self._client.get(*LEASE, self._name, self._namespace)

    def _refuse_other(self, spec: dict[str, Any], instead_of: str) -> None:
        still = self._sighting.still_for(spec)
        free = still >= life_of(spec, self._seconds)
        if (spec.get("holderIdentity") or "") not in {"", self.holder, instead_of} and not free:
            raise self._taken(spec)

    def _document(self, found: Object, epoch: int) -> Object:
        place = {"name": self._name, "namespace": self._namespace}
        return claimed(found, place, self.holder, seconds=self._seconds, transitions=epoch, wall=self._wall)

    def _uncountable(self, takings: int) -> ConflictError:
        return ConflictError(
            f"it was taken {takings} times, by its own word, and cannot count on",
            where=self._where,
            why="somebody edited it: each operation counts one",
            hint=f"while nothing runs: kubectl -n {self._namespace} delete lease {self._name}",
        )

    @property
    def _where(self) -> str:
        return f"Lease {self._namespace}/{self._name}"

    def _taken(self, spec: dict[str, Any]) -> HeldError:
        holder = spec.get("holderIdentity") or "somebody"
        seconds = life_of(spec, self._seconds)
        renewed = spec.get("renewTime")
        return HeldError(
            f"{name_of(holder)} is changing this cluster",
            holder=holder,
            sign=f"{holder} {renewed}",
            where=self._where,
            why=f"it renewed its Lease at {renewed} by its own clock, for {seconds} s" if renewed else "",
            hint="wait until it ends; a Lease that is not renewed becomes free by itself",
        )


def newest_turn(client: Client, name: str) -> str:
    """A word for the last taking of the Lease of a ClusterConfiguration, which never comes again; empty: none yet.

    Its uid is part of it: who deletes the Lease begins to count anew.
    """
    found = client.get(*LEASE, f"{LEASE_PREFIX}{name}", NAMESPACE)
    if found is None:
        return ""
    return f"{found['metadata']['uid']}/{(found.get('spec') or {}).get('leaseTransitions') or 0}"


def life_of(spec: dict[str, Any], usual: int) -> int:
    """Seconds for which a Lease counts as held though nobody renews it."""
    return min(int(spec.get("leaseDurationSeconds") or usual), LONGEST)


def _holder(lease: Object) -> str:
    return (lease.get("spec") or {}).get("holderIdentity") or ""


def claimed(
    found: Object, place: Object, holder: str, *, seconds: int, transitions: int, wall: Callable[[], datetime]
) -> Object:
    """A Lease as found, or a new one at `place` (name, namespace), taken or renewed by this holder."""
    before = found.get("spec") or {}
    now = _another(wall(), before.get("renewTime") or "")
    kept = before.get("holderIdentity") == holder
    return {
        "apiVersion": LEASE[0],
        "kind": LEASE[1],
        "metadata": found.get("metadata") or place,
        "spec": {
            "holderIdentity": holder,
            "leaseDurationSeconds": seconds,
            "renewTime": now,
            "acquireTime": (before.get("acquireTime") if kept else "") or now,
            "leaseTransitions": transitions,
        },
    }


def _another(now: datetime, before: str) -> str:
    """The moment as text, and never the same twice: a clock may stand still, or be set back to where it was."""
    text = exact_text(now)
    return text if text != before else exact_text(now + timedelta(microseconds=1))
