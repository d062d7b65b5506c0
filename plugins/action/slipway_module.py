"""One module's turn in playbooks/modules.yml: waits for its needs, then calls `slipway.cluster`.

Thin on purpose: what a module is made of stands in the host variable `slipway_module_request`, how it is brought
there in `slipway.cluster.lifecycle.modules`. Modules of one run, and the engine, hear of each other by its
neighbour `turns`.
"""

from __future__ import annotations

import fcntl
import time
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Any

from ansible.errors import AnsibleActionFail
from ansible.plugins.action import ActionBase

from slipway.cluster.lifecycle.helm import Helm
from slipway.cluster.lifecycle.modules import apply_module
from slipway.cluster.lifecycle.removal import remove_module
from slipway.cluster.lifecycle.turns import Ended, Turns
from slipway.cluster.lifecycle.work import Work, preload
from slipway.cluster.own.records import now
from slipway.cluster.rest.client import connect
from slipway.errors import Interrupted, SlipwayError
from slipway.model.bundle import chart_name
from slipway.model.modulehealth import kinds_of
from slipway.model.plan import Action
from slipway.model.record import Intent
from slipway.planning.requests.codec import turn_of
from slipway.planning.requests.request import ChartRef, RemovalRequest

# Ansible loads this file once, before it forks a worker for each module.
preload()

#: Helm programs at once: each takes a core for half a second and some 100 MB.
SLOTS = 3

#: Seconds between two looks whether a requirement is there.
POLL_SECONDS = 0.1


class ActionModule(ActionBase):
    """`state: begin` waits for the module's needs; `state: done` brings it to what was asked for."""

    TRANSFERS_FILES = False
    _supports_async = False
    _supports_check_mode = True

    def run(self, tmp: str | None = None, task_vars: dict[str, Any] | None = None) -> dict[str, Any]:
        result = super().run(tmp, task_vars)
        state = self._task.args.get("state")
        turn = Turn(task_vars or {})
        result |= {"slipway_module": turn.name, "slipway_step": turn.step, "changed": False}
        if state == "begin":
            return result | turn.begin()
        if state != "done":
            raise AnsibleActionFail(f"state is {state!r}, expected begin or done")
        if self._task.check_mode:
            return result | {"state": "begin", "changed": True, "reason": turn.action}
        return result | turn.work()


class Turn:
    """What a module's host variables say."""

    def __init__(self, variables: dict[str, Any]) -> None:
        try:
            self.turn = turn_of(variables["slipway_module_request"])
            self.turns = Turns(Path(variables["slipway_run_directory"]))
            self.artifacts = dict(variables["slipway_local_artifacts"])
            self.operation = variables["slipway_operation"]
        except KeyError as exc:
            raise AnsibleActionFail(
                f"the host variable {exc} is missing; modules.yml is run by slipway"
            ) from exc
        except SlipwayError as exc:
            raise AnsibleActionFail(f"{exc.what}: {exc.why}") from exc
        self.name, self.action, self.step = self.turn.request.name, self.turn.action, self.turn.step
        self.kubeconfig = variables.get("slipway_kubeconfig", "")
        self.epoch = int(variables.get("slipway_epoch", 0))
        self.holder = variables.get("slipway_holder", "")
        self.kinds = kinds_of(variables.get("slipway_kinds", ()))
        self.slots = int(variables.get("slipway_module_slots", SLOTS))
        self.turns.directory.mkdir(mode=0o700, parents=True, exist_ok=True)

    def begin(self) -> dict[str, Any]:
        """Wait until every need has ended; blocked when one did not end well, superseded when an edit came."""
        for need in self.turn.needs:
            if not self.turns.ended(need):
                self.turns.say(self.step, f"waits for {need}")
            while not (ended := self.turns.ended(need)):
                if self.turns.given_up():
                    ended = Ended.SUPERSEDED
                    break
                time.sleep(POLL_SECONDS)
            if ended is not Ended.DONE:
                how = Ended.SUPERSEDED if ended is Ended.SUPERSEDED else Ended.BLOCKED
                self.turns.end(self.step, how)
                return {"state": str(how), "reason": f"{need} {ended}"}
        return {"state": "begin"}

    def work(self) -> dict[str, Any]:
        """Do it, and tell the others how it ended whatever happens."""
        ended = Ended.FAILED
        try:
            outcome = self._work()
            ended = Ended(outcome["state"])
        finally:
            self.turns.end(self.step, ended)
        return outcome

    def _work(self) -> dict[str, Any]:
        kubeconfig = Path(self.kubeconfig) if self.kubeconfig else None
        helm = Helm(Path(self.artifacts["helm"]), kubeconfig)
        said: list[str] = []

        def tell(text: str) -> None:
            said.append(text)
            self.turns.say(self.step, text)

        with connect(kubeconfig) as client:
            # A removal is not given up: what it waits for, its workloads, is not to be found again afterwards.
            cancelled = (lambda: False) if self.action is Action.REMOVE else self.turns.given_up
            work = Work(client, helm, self._artifact, cancelled, tell, self._slot, self.kinds)
            try:
                self._act(work)
                outcome: dict[str, Any] = {"state": str(Ended.DONE)}
            except Interrupted as error:
                outcome = {"state": str(Ended.SUPERSEDED), "reason": error.why or error.what}
            except SlipwayError as error:
                outcome = {"state": str(Ended.FAILED), "failed": True, "error": error.as_dict()}
                outcome |= {"msg": error.what, "stderr": error.why}
        counted = {"helm_calls": helm.calls, "api_writes": client.writes}
        return outcome | counted | {"changed": helm.calls > 0, "progress": said[-20:]}

    def _act(self, work: Work) -> None:
        request, digest = self.turn.request, self.turn.digest
        intent = Intent(self.operation, self.step, digest, self.epoch, self.holder, now())
        if isinstance(request, RemovalRequest):
            remove_module(work, request, intent)
        else:
            apply_module(work, request, intent, self.turn.parts)

    def _artifact(self, chart: ChartRef) -> Path:
        try:
            return Path(self.artifacts[chart_name(self.name, chart.name)])
        except KeyError:
            raise AnsibleActionFail(f"chart {chart.name} is not among slipway_local_artifacts") from None

    @contextmanager
    def _slot(self) -> Iterator[None]:
        """One of the places for heavy work; the lock goes with the process, however it ends."""
        while True:
            if self.action is not Action.REMOVE and self.turns.given_up():
                raise Interrupted("stopped while it waited for its turn", where=self.step)
            for number in range(self.slots):
                with (self.turns.directory / f"slot-{number}").open("w") as file:
                    try:
                        fcntl.flock(file, fcntl.LOCK_EX | fcntl.LOCK_NB)
                    except BlockingIOError:
                        continue
                    yield
                    return
            time.sleep(POLL_SECONDS)
