"""Helm releases: the only importer of pyhelm3, over the real Helm 4 program.

pyhelm3's client merges values by concatenating lists, starts `helm version` each time, and repairs an interrupted
install by uninstalling it. So only its command layer is used: one dictionary of values on stdin, a kubeconfig
instead of tokens (ps shows arguments), and states left by a killed Helm are put right in `unlock`.
"""

import asyncio
import json
import logging
from collections.abc import Callable, Coroutine, Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Any, TypeVar

from slipway.cluster.lifecycle.rendered import objects
from slipway.cluster.rest.client import Client, Object
from slipway.errors import Interrupted, SlipwayError, StepError, TransientError

Result = TypeVar("Result")

#: It logs every call that fails, as a warning; we tell of failures ourselves, once.
logging.getLogger("pyhelm3").addHandler(logging.NullHandler())

#: Of Kubernetes itself, which charts ask for: without a cluster, Helm knows groups alone, and not the aggregator's.
_KINDS = (
    "apiregistration.k8s.io/v1",
    "apiregistration.k8s.io/v1/APIService",
    "autoscaling/v2/HorizontalPodAutoscaler",
    "batch/v1/CronJob",
    "networking.k8s.io/v1/Ingress",
    "networking.k8s.io/v1/IngressClass",
    "policy/v1/PodDisruptionBudget",
)
#: Revisions kept: enough to roll back, few enough that Secrets do not pile up.
HISTORY = 5

#: Helm's own limit for hooks and deletions; health is waited for by us.
TIMEOUT = "5m"

#: Seconds between two questions whether the user stopped it.
CANCEL_POLL = 0.2


@dataclass(frozen=True, slots=True)
class Deployed:
    """A release as it stands after a call."""

    revision: int
    status: str
    manifest: tuple[Object, ...]


class Helm:
    """Helm for one cluster. `calls` counts starts of the program."""

    def __init__(
        self, executable: Path, kubeconfig: Path | None, *, cancelled: Callable[[], bool] = lambda: False
    ) -> None:
        self._executable = executable
        self._kubeconfig = kubeconfig
        self._cancelled = cancelled
        self.calls = 0

    def install_or_upgrade(
        self,
        release: str,
        chart: Path,
        values: Mapping[str, Any],
        namespace: str,
        *,
        description: str = "",
        skip_crds: bool = True,
    ) -> Deployed:
        """One revision more. It does not wait for health; it takes back fields that others changed.

        `skip_crds`: what the chart has in `crds/` is there already, and Helm would send it all again.
        """
        answer = self._run(
            release,
            lambda command: command.install_or_upgrade(
                release,
                chart,
                dict(values),
                namespace=namespace,
                create_namespace=False,
                description=description,
                reset_values=True,
                skip_crds=skip_crds,
                force_conflicts=True,
            ),
        )
        return _deployed(answer)

    def status(self, release: str, namespace: str, revision: int | None = None) -> Deployed:
        """The latest revision, or the one asked for."""
        return _deployed(
            self._run(
                release, lambda command: command.status(release, namespace=namespace, revision=revision)
            )
        )

    def rollback(self, release: str, revision: int, namespace: str) -> None:
        """Back to a revision: a new one with its content."""
        self._run(release, lambda command: command.rollback(release, revision, namespace=namespace))

    def uninstall(self, release: str, namespace: str) -> bool:
        """Delete the release and its objects; False: there was none."""
        from pyhelm3.errors import ReleaseNotFoundError

        try:
            self._run(release, lambda command: command.uninstall(release, namespace=namespace))
        except StepError as error:
            if isinstance(error.__cause__, ReleaseNotFoundError):
                return False
            raise
        return True

    def template(
        self,
        release: str,
        chart: Path,
        values: Mapping[str, Any],
        namespace: str,
        *,
        kubernetes: str = "",
        upgrade: bool = False,
    ) -> str:
        """What a chart would make, each object below a comment with its template; no cluster is asked.

        Its tests are left out: nobody runs them here.
        """
        # pyhelm3's own call parses the text, and the comments are gone.
        arguments = ["template", release, str(chart), "--namespace", namespace, "--values", "-"]
        arguments += ["--include-crds", "--skip-tests"]
        arguments += [word for kind in _KINDS for word in ("--api-versions", kind)]
        arguments += ["--kube-version", kubernetes] if kubernetes else []
        arguments += ["--is-upgrade"] if upgrade else []
        text = json.dumps(dict(values)).encode()
        answer: bytes = self._run(release, lambda command: command.run(arguments, text))
        return answer.decode()

    def _run(self, release: str, call: Callable[[Any], Coroutine[Any, Any, Result]]) -> Result:
        from pyhelm3 import errors
        from pyhelm3.command import Command

        command = Command(
            executable=str(self._executable),
            kubeconfig=self._kubeconfig,
            history_max_revisions=HISTORY,
            default_timeout=TIMEOUT,
        )
        self.calls += 1
        try:
            return asyncio.run(self._cancellable(call(command)))
        except errors.Error as exc:
            raise _translated(release, exc) from exc
        except asyncio.CancelledError as exc:
            raise Interrupted(f"helm was stopped at {release}", where=f"release/{release}") from exc

    async def _cancellable(self, work: Coroutine[Any, Any, Result]) -> Result:
        task = asyncio.ensure_future(work)
        while not task.done():
            if self._cancelled():
                task.cancel()
            await asyncio.wait({task}, timeout=CANCEL_POLL)
        return task.result()


def unlock(client: Client, release: str, namespace: str) -> str:
    """Free a release that a killed Helm left pending, without touching what it made. The state that was found.

    A pending revision is forgotten: the one before it counts again, and objects that were already made carry the
    release's name, so the next install or upgrade takes them over. Uninstalling would delete data.
    """
    secrets = client.list("v1", "Secret", namespace, labels=f"owner=helm,name={release}", metadata_only=True)
    newest = max(secrets, key=_revision, default=None)
    state = newest["metadata"]["labels"].get("status", "") if newest else ""
    if newest and state.startswith("pending"):
        client.delete("v1", "Secret", newest["metadata"]["name"], namespace)
    elif state == "uninstalling":
        for secret in secrets:
            client.delete("v1", "Secret", secret["metadata"]["name"], namespace)
    return state


def _revision(secret: Object) -> int:
    return int(secret["metadata"]["labels"].get("version", 0))


def _deployed(answer: Mapping[str, Any]) -> Deployed:
    return Deployed(
        revision=int(answer["version"]),
        status=answer["info"]["status"],
        manifest=tuple(objects(answer.get("manifest") or "", where=f"release/{answer['name']}")),
    )


_PASSING = (
    "connection refused",
    "context deadline exceeded",
    "timeout",
    "EOF",
    "etcdserver",
    "TLS handshake",
    "because it is being terminated",
)


def _translated(release: str, exc: Exception) -> SlipwayError:
    """Helm's own words, without its usage text."""
    noise = ("Usage:", "level=", "Use --debug")
    lines = [line for line in str(exc).splitlines() if line and not line.startswith(noise)]
    why = " ".join(lines)[-1500:]
    kind = TransientError if any(text in why for text in _PASSING) else StepError
    return kind(f"helm refused release {release}", where=f"release/{release}", why=why)
