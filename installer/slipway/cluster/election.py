"""Which of several operators is the active one: a Lease, by the rules of client-go's leader election.

A Lease has expired when nobody changed it for its duration by OUR clock, so skewed clocks do no harm. Who works at a
target is guarded by the engine's locks; this only keeps standbys quiet.
"""

import time
from datetime import UTC, datetime
from typing import Any, Final

from slipway.cluster.client import Client
from slipway.errors import ConflictError

LEASE: Final = ("coordination.k8s.io/v1", "Lease")

#: Seconds without renewal until a standby takes over, and between two tries.
LEASE_SECONDS: Final = 15
RETRY_SECONDS: Final = 2.0


class Election:
    """One candidate."""

    def __init__(
        self, client: Client, namespace: str, name: str, identity: str, *, seconds: int = LEASE_SECONDS
    ) -> None:
        self._client = client
        self._namespace = namespace
        self._name = name
        self._seconds = seconds
        self._seen: dict[str, Any] = {}
        self._seen_at = 0.0
        self.identity = identity
        self.holder = ""

    def hold(self) -> bool:
        """Take or renew the Lease; whether it is ours. Raises when the API cannot be asked."""
        lease = self._client.get(*LEASE, self._name, self._namespace)
        try:
            if lease is None:
                return self._won(self._client.create(self._wanted({})))
            self._look(lease)
            if self.holder not in {"", self.identity} and not self._expired():
                return False
            return self._won(self._client.replace(self._wanted(lease)))
        except ConflictError:
            return False

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

    def _look(self, lease: dict[str, Any]) -> None:
        spec = lease.get("spec") or {}
        self.holder = spec.get("holderIdentity") or ""
        if spec != self._seen:
            self._seen, self._seen_at = spec, time.monotonic()

    def _expired(self) -> bool:
        seconds: int = self._seen.get("leaseDurationSeconds", self._seconds)
        return time.monotonic() > self._seen_at + seconds

    def _won(self, lease: dict[str, Any]) -> bool:
        self._look(lease)
        return self.holder == self.identity

    def _wanted(self, lease: dict[str, Any]) -> dict[str, Any]:
        now = datetime.now(UTC).strftime("%Y-%m-%dT%H:%M:%S.%fZ")
        spec = lease.get("spec") or {}
        kept = spec.get("holderIdentity") == self.identity
        return {
            "apiVersion": "coordination.k8s.io/v1",
            "kind": "Lease",
            "metadata": lease.get("metadata") or {"name": self._name, "namespace": self._namespace},
            "spec": {
                "holderIdentity": self.identity,
                "leaseDurationSeconds": self._seconds,
                "acquireTime": spec["acquireTime"] if kept else now,
                "renewTime": now,
                "leaseTransitions": spec.get("leaseTransitions", 0) + (0 if kept or not lease else 1),
            },
        }
