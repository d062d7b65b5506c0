"""Which of several operators is the active one: a Lease, by the rules of client-go's leader election.

A Lease has expired when nobody changed it for its duration by OUR clock, so skewed clocks do no harm. Who works at a
target is guarded by the engine's locks; this only keeps standbys quiet.
"""

from collections.abc import Callable
from datetime import datetime
from typing import Any, Final

from slipway.clock import utc_now
from slipway.cluster.locks.lease import LEASE, claimed, life_of
from slipway.cluster.rest.client import Client
from slipway.errors import ConflictError
from slipway.holders import Sighting

#: Seconds without renewal until a standby takes over, and between two tries.
LEASE_SECONDS: Final = 15
RETRY_SECONDS: Final = 2.0


class Election:
    """One candidate."""

    def __init__(
        self,
        client: Client,
        namespace: str,
        name: str,
        identity: str,
        *,
        seconds: int = LEASE_SECONDS,
        sighting: Sighting | None = None,
        wall: Callable[[], datetime] = utc_now,
    ) -> None:
        self._client = client
        self._namespace = namespace
        self._name = name
        self._seconds = seconds
        self._sighting = sighting or Sighting()
        self._wall = wall
        self.identity = identity
        self.holder = ""

    def hold(self) -> bool:
        """Take or renew the Lease; whether it is ours. Raises when the API cannot be asked."""
        lease = self._client.get(*LEASE, self._name, self._namespace)
        try:
            if lease is None:
                return self._won(self._client.create(self._wanted({})))
            expired = self._expired(lease)
            if self.holder not in {"", self.identity} and not expired:
                return False
            return self._won(self._client.replace(self._wanted(lease)))
        except ConflictError:  # somebody was faster: perhaps an own renewal whose answer was lost
            return self._won(self._client.get(*LEASE, self._name, self._namespace) or {})

    def release(self) -> None:
        """Give the Lease back if it is ours, so that a standby need not wait."""
        lease = self._client.get(*LEASE, self._name, self._namespace)
        if lease is None or lease["spec"].get("holderIdentity") != self.identity:
            return
        lease["spec"] |= {"holderIdentity": "", "leaseDurationSeconds": 1}
        try:
            self._client.replace(lease)
        except ConflictError:
            return

    def _expired(self, lease: dict[str, Any]) -> bool:
        """Look at it: who holds it, and whether that one has renewed nothing for its duration."""
        spec = lease.get("spec") or {}
        self.holder = spec.get("holderIdentity") or ""
        return self._sighting.still_for(spec) > life_of(spec, self._seconds)

    def _won(self, lease: dict[str, Any]) -> bool:
        self._expired(lease)
        return self.holder == self.identity

    def _wanted(self, lease: dict[str, Any]) -> dict[str, Any]:
        spec = lease.get("spec") or {}
        before = int(spec.get("leaseTransitions") or 0)
        kept = not lease or spec.get("holderIdentity") == self.identity
        return claimed(
            lease,
            {"name": self._name, "namespace": self._namespace},
            self.identity,
            seconds=self._seconds,
            transitions=before if kept else before + 1,
            wall=self._wall,
        )
