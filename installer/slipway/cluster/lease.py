"""One writer per ClusterConfiguration: a Lease with a holder and an epoch that rises at each takeover.

The engine holds it while an operation runs and renews it from a thread; hosts have locks of their own with the
same epoch. Unlike the operator's election this one answers at once: the other's name, not a wait.
"""

from datetime import UTC, datetime, timedelta
from typing import Any

from slipway.cluster.client import Client, Object
from slipway.errors import ConflictError, HeldError
from slipway.settings import LOCK_SECONDS, NAMESPACE

#: Seconds that clocks of two controllers may differ before one takes the other's live Lease.
CLOCK_SKEW = 10

_API = ("coordination.k8s.io/v1", "Lease")


class Lease:
    """The Lease `slipway-NAME`; `epoch` is valid after `acquire`."""

    def __init__(
        self,
        client: Client,
        name: str,
        holder: str,
        *,
        namespace: str = NAMESPACE,
        seconds: int = LOCK_SECONDS,
    ) -> None:
        self._client = client
        self._name = f"slipway-{name}"
        self._namespace = namespace
        self._seconds = seconds
        self._held: Object | None = None
        self.holder = holder
        self.epoch = 0

    def acquire(self, *, instead_of: str = "") -> int:
        """Take it and return the epoch; ConflictError names who holds it.

        `instead_of` is a holder that the caller knows to be dead: its Lease is taken at once.
        """
        found = self._client.get(*_API, self._name, self._namespace)
        if found is None:
            self.epoch = 1
            self._held = self._create()
            return self.epoch
        spec = found.get("spec") or {}
        self._refuse_other(spec, instead_of)
        self.epoch = int(spec.get("leaseTransitions") or 0) + 1
        self._held = self._replace(found, self.epoch)
        return self.epoch

    def refuse_held(self) -> None:
        """Take nothing; ConflictError when somebody else holds it now."""
        found = self._client.get(*_API, self._name, self._namespace) or {}
        self._refuse_other(found.get("spec") or {})

    def renew(self) -> None:
        """Say that this holder lives; ConflictError when somebody took it."""
        if self._held is None:
            self.acquire()
        else:
            self._held = self._replace(self._held, self.epoch)

    def release(self) -> None:
        """Give it up, so that the next need not wait. Somebody else's stays."""
        if self._held is None:
            return
        held, self._held = self._held, None
        try:
            self._client.replace(held | {"spec": held["spec"] | {"holderIdentity": ""}})
        except ConflictError:
            return

    def _refuse_other(self, spec: dict[str, Any], instead_of: str = "") -> None:
        other = spec.get("holderIdentity") or ""
        if other not in {"", self.holder, instead_of} and not self._expired(spec):
            raise self._taken(other, spec)

    def _create(self) -> Object:
        try:
            return self._client.create(self._document({}, self.epoch))
        except ConflictError as exc:
            raise self._lost() from exc

    def _replace(self, found: Object, epoch: int) -> Object:
        try:
            return self._client.replace(self._document(found["metadata"], epoch))
        except ConflictError as exc:
            raise self._lost() from exc

    def _lost(self) -> ConflictError:
        """Somebody was faster: say who."""
        now = self._client.get(*_API, self._name, self._namespace) or {}
        spec = now.get("spec") or {}
        return self._taken(spec.get("holderIdentity") or "somebody", spec)

    def _document(self, metadata: Object, epoch: int) -> Object:
        now = _text(datetime.now(UTC))
        return {
            "apiVersion": _API[0],
            "kind": _API[1],
            "metadata": metadata or {"name": self._name, "namespace": self._namespace},
            "spec": {
                "holderIdentity": self.holder,
                "leaseDurationSeconds": self._seconds,
                "renewTime": now,
                "acquireTime": self._held["spec"]["acquireTime"] if self._held else now,
                "leaseTransitions": epoch,
            },
        }

    def _expired(self, spec: dict[str, Any]) -> bool:
        return datetime.now(UTC) > _until(spec) + timedelta(seconds=CLOCK_SKEW)

    def _taken(self, holder: str, spec: dict[str, Any]) -> ConflictError:
        return HeldError(
            f"{holder} is changing this cluster",
            holder=holder,
            where=f"Lease {self._namespace}/{self._name}",
            why=f"its Lease is valid until {_text(_until(spec))}" if spec else "",
            hint="wait until it ends; a Lease that is not renewed becomes free by itself",
        )


def _until(spec: dict[str, Any]) -> datetime:
    renewed = spec.get("renewTime")
    if not renewed:
        return datetime.fromtimestamp(0, UTC)
    return datetime.fromisoformat(renewed) + timedelta(seconds=spec.get("leaseDurationSeconds") or 0)


def _text(moment: datetime) -> str:
    return moment.strftime("%Y-%m-%dT%H:%M:%S.%fZ")
