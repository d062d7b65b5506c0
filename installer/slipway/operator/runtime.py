"""The built-in runtime: does in one process what shell-operator does around the hook, with a Lease besides.

One main loop holds the Lease. The active operator has a watch, which fills the queue, and one worker, which calls
`hook.handle`. To end, it stops the run at a step boundary, keeps the Lease until that is recorded, gives it back.
"""

import logging
import threading
import time
from collections.abc import Callable
from dataclasses import dataclass
from typing import Any, Final

from slipway.cluster.locks.election import RETRY_SECONDS, Election
from slipway.cluster.own.configurations import CONFIGURATION
from slipway.cluster.rest.client import Client
from slipway.cluster.rest.watch import ChangeKind, Event, Hearing, Reflector
from slipway.errors import SlipwayError
from slipway.model.modulehealth import NO_EXPECTATIONS, Expectations
from slipway.operator import hook
from slipway.operator.door import Door, Key, Verdict
from slipway.operator.lookout import Lookout
from slipway.operator.metrics import Metrics
from slipway.operator.queue import BindingContext, Filter, Queue
from slipway.operator.serving import Approver
from slipway.operator.web import EXPOSITION, HTTPPages, kept_page, probe_page
from slipway.settings import ELECTION, LEASE_PREFIX

log = logging.getLogger(__name__)

#: Name of the Lease in slipway-system.
LEASE_NAME: Final = f"{LEASE_PREFIX}{ELECTION}"

#: Seconds between two full reads for drift.
RESYNC_SECONDS: Final = 600.0

#: Seconds until a reconciliation that could not be done is tried again, first and longest.
RETRY_BACK_OFF: Final = (2.0, 30.0)

#: Seconds until the records are read again where the last reading found something that may pass without an edit:
#: a node that boots, a host that left by another hand.
LOOK_AGAIN_SECONDS: Final = 30.0

#: Seconds that a host which does not answer may have been back before it is asked again.
LONGEST_LOOK_SECONDS: Final = 300.0

#: Seconds between a change of what a node or a module says of itself and the look at it: several come together.
STANDING_SECONDS: Final = 2.0

_MAY_PASS: Final = {Verdict.DEGRADED, Verdict.AWAITING_APPROVAL}

#: What the command line may bring to its end: looked at like that, and not begun again.
_LEFT_UNDONE: Final = {Verdict.FAILED, Verdict.CANCELLED}

#: Seconds for which an API server that restarts may be away, before its operator counts as not ready.
CONTACT_SECONDS: Final = 60.0

#: Seconds without a turn of the main loop after which the kubelet may restart us.
LIVENESS_SECONDS: Final = 120.0


@dataclass(frozen=True, slots=True)
class Settings:
    """Where it listens and what it watches; an empty namespace is all of them."""

    namespace: str = ""
    address: str = "0.0.0.0"  # noqa: S104 - Prometheus and the kubelet come from outside
    port: int = 9810
    resync: float = RESYNC_SECONDS
    look_again: float = LOOK_AGAIN_SECONDS


class OperatorProcess:
    """One operator process. `halt` ends it, from a signal or a lost Lease."""

    def __init__(
        self,
        client: Client,
        election: Election,
        open_door: Callable[[threading.Event], Door],
        metrics: Metrics,
        settings: Settings,
        reader: Callable[[], Client] | None = None,
        expectations: Expectations = NO_EXPECTATIONS,
    ) -> None:
        """`reader`: an account that may read whatever modules bring; None: the client's own may."""
        self.halt = threading.Event()
        self.queue = Queue()
        self.metrics = metrics
        self._client = client
        self._reader = reader or (lambda: client)
        self._expectations = expectations
        self._election = election
        self._open_door = open_door
        self._settings = settings
        self._filter = Filter()
        self._retries: dict[Key, int] = {}
        self._door: Door | None = None
        self._worker: threading.Thread | None = None
        self._watchers: list[threading.Thread] = []
        self._turn = time.monotonic()
        self._contact = float("-inf")
        self._refusal = "it has not answered yet"
        """Why the Lease could not be asked for last; empty: it could."""
        self.web = HTTPPages(
            settings.address,
            settings.port,
            {
                "/healthz": probe_page(self._unhealthy, notes=self._notes),
                "/readyz": probe_page(self._unready),
                "/metrics": kept_page(lambda: (200, EXPOSITION, metrics.text())),
            },
        )

    @property
    def leading(self) -> bool:
        """Whether this is the active operator."""
        return self._worker is not None

    def run(self) -> int:
        """Until `halt`: 0 after an orderly end, 1 when the Lease went to somebody else."""
        with self.web:
            lost = self._hold_until_halt()
            self._wind_down()
        return int(lost)

    def _hold_until_halt(self) -> bool:
        """Take and renew the Lease; whether it was lost."""
        while not self.halt.is_set():
            held = self._hold()
            if held and not self.leading:
                self._lead()
            elif self.leading and not held:
                log.error("the Lease went to %s; ending", self._election.holder)
                self.halt.set()
                return True
            self.halt.wait(RETRY_SECONDS)
        return False

    def _hold(self) -> bool:
        """One try. An API that does not answer takes no Lease from us: nobody else can get it there either."""
        self._turn = time.monotonic()
        try:
            held = self._election.hold()
        except SlipwayError as error:
            self._refusal = error.what
            log.info("lease: %s", error.what)
            return self.leading
        self._contact, self._refusal = time.monotonic(), ""
        return held

    def _lead(self) -> None:
        log.info("active: %s", self._election.identity)
        self.metrics.leader.set(1)
        door = self._door = self._open_door(self.halt)
        self._worker = threading.Thread(target=self._work, args=(door,), name="slipway-worker")
        self._worker.start()
        self._watch(Reflector(lambda: self._client, CONFIGURATION, self._settings.namespace, self._enqueue))
        look, expected = self._look_at_standing, self._expectations
        Lookout(lambda: self._client, self._reader, self._watch, look, expected).begin()
        approver = Approver(self._client, self.halt)
        self._watch(approver.reflector())
        self._tend(threading.Thread(target=approver.run, name="slipway-approver", daemon=True))
        self._plan_resync()

    def _watch(self, reflector: Reflector) -> None:
        """Run it in a thread of its own, whose end and whose troubles /healthz tells."""
        hearing = self.metrics.watches.add(Hearing(reflector.name))
        thread = threading.Thread(
            target=reflector.run,
            args=(self.halt,),
            kwargs={"hearing": hearing},
            name=f"slipway-watch-{hearing.kind}",
            daemon=True,
        )
        self._tend(thread)

    def _tend(self, thread: threading.Thread) -> None:
        """Start it; /healthz tells when it ended."""
        thread.start()
        self._watchers.append(thread)

    def _wind_down(self) -> None:
        """Wait for the step that runs, renewing all the while; then let a standby take over."""
        while self._worker and self._worker.is_alive():
            self._hold()
            self._worker.join(RETRY_SECONDS)
        self.metrics.leader.set(0)
        try:
            self._election.release()
        except SlipwayError as error:
            log.info("lease not given back: %s", error.what)

    def _enqueue(self, event: Event) -> None:
        """From the watch to the queue, in the form of shell-operator."""
        if event.kind is ChangeKind.SYNCHRONIZATION:
            self._filter.reset(event.objects)
            objects = [{"object": object_} for object_ in event.objects]
            self.queue.add({"binding": hook.BINDING, "type": event.kind, "objects": objects})
            return
        for object_ in event.objects:
            if self._filter.passes(event.kind, object_):
                news = {"type": "Event", "watchEvent": event.kind, "object": object_}
                self.queue.add({"binding": hook.BINDING, **news})

    def _look_at_standing(self, *, after: float = STANDING_SECONDS) -> None:
        """A burst of changes is one look; what changes without end is looked at again and again."""
        name = f"{hook.STANDING_PREFIX}all"
        if self._door:
            self._door.stir()
        self.queue.add({"binding": name, "type": "Event"}, after=after, name=name, once=True)

    def _plan_resync(self) -> None:
        self.queue.add({"binding": hook.RESYNC, "type": "Schedule"}, after=self._settings.resync)

    def _work(self, door: Door) -> None:
        """The one worker: a burst at a time."""
        while not self.halt.is_set():
            contexts = self.queue.take(timeout=0.5)
            if contexts:
                self._handle(contexts, door)

    def _handle(self, contexts: list[BindingContext], door: Door) -> None:
        if any(context.get("type") == "Schedule" for context in contexts):
            self._plan_resync()
        try:
            result = hook.handle(contexts, door)
        except SlipwayError as error:
            log.warning("%s", error)
            self._again(contexts)
        except Exception:
            log.exception("a fault of the operator itself; it will be tried again")
            self._again(contexts)
        else:
            for request, verdict in result.verdicts:
                log.info("%s: %s", request.key, verdict)
                self.metrics.reconciled(verdict.value)
                if request.act:
                    self._note(request.key, verdict)
                elif verdict is Verdict.RETRY:
                    self._look_at_standing(after=RETRY_BACK_OFF[1])
                if verdict in _LEFT_UNDONE:
                    self._look_at_standing(after=self._settings.look_again)

    def _again(self, contexts: list[BindingContext]) -> None:
        for context in contexts:
            if context.get("type") != "Schedule":
                self.queue.add(context, after=RETRY_BACK_OFF[0])

    def _note(self, key: Key, verdict: Verdict) -> None:
        """Line up again what repeating can heal, later each time, and what may have passed."""
        back_off = {
            Verdict.RETRY: RETRY_BACK_OFF,
            Verdict.WAITING: (self._settings.look_again, LONGEST_LOOK_SECONDS),
        }.get(verdict)
        if back_off:
            tries = self._retries[key] = self._retries.get(key, 0) + 1
            self._look_again(key, min(back_off[0] * 2 ** (tries - 1), back_off[1]))
            return
        self._retries.pop(key, None)
        if verdict in _MAY_PASS:
            self._look_again(key, self._settings.look_again)

    def _look_again(self, key: Key, seconds: float) -> None:
        self.queue.add(_retry(key), after=seconds, name=f"retry {key}")

    def _unready(self) -> str:
        """An operator to whom the API says nothing, or allows nothing, does no work that could be handed to it."""
        silent = time.monotonic() - self._contact > CONTACT_SECONDS
        return f"the Kubernetes API: {self._refusal}" if self._refusal and silent else ""

    def _notes(self) -> list[str]:
        """For people: what no restart mends."""
        lease = [f"lease: {self._refusal}"] if self._refusal else []
        return [*lease, *self.metrics.watches.notes()]

    def _unhealthy(self) -> str:
        if time.monotonic() - self._turn > LIVENESS_SECONDS:
            return "the main loop does not turn"
        if self._worker is not None and not self._worker.is_alive() and not self.halt.is_set():
            return "the worker ended"
        ended = [thread.name for thread in self._watchers if not thread.is_alive()]
        if ended and not self.halt.is_set():
            return f"{ended[0]} ended"
        return ""


def _retry(key: Key) -> dict[str, Any]:
    """A context that asks for one ClusterConfiguration, whatever its state."""
    metadata = {"namespace": key.namespace, "name": key.name}
    return {"binding": "retry", "type": "Synchronization", "objects": [{"object": {"metadata": metadata}}]}
