"""Between two releases of a module: what the first one says has to be there before the next one comes."""

import time
from collections.abc import Callable, Iterator, Sequence
from dataclasses import dataclass
from typing import Final

from slipway.catalog.modules import Wait
from slipway.cluster.lifecycle import diagnosis, waiting
from slipway.cluster.lifecycle.releases import objects_of
from slipway.cluster.lifecycle.rendered import objects
from slipway.cluster.lifecycle.stages.webhooks import silent_webhooks
from slipway.cluster.lifecycle.work import Work
from slipway.errors import Interrupted, StepError
from slipway.model.record import ModuleRecord
from slipway.planning.requests.request import ReleaseRequest

#: Seconds between two looks.
_POLL: Final = 0.3


@dataclass(frozen=True, slots=True)
class Between:
    """The place after one release and before the next one."""

    record: ModuleRecord
    release: ReleaseRequest
    following: ReleaseRequest
    seconds: float
    """For which it is waited at most."""

    @property
    def where(self) -> str:
        """The step that waits."""
        return f"module/{self.record.name}/apply"


def await_stage(work: Work, between: Between) -> None:
    """Wait for what the release says.

    Raises:
        StepError: it did not come to be, and why, in the cluster's own words.
        Interrupted: stopped.
    """
    if between.release.wait is Wait.CRDS:
        _await_kinds(work, between)
    elif between.release.wait is Wait.READY:
        _await_ready(work, between)


def _await_ready(work: Work, between: Between) -> None:
    deadline = time.monotonic() + between.seconds
    refs = objects_of(between.record, between.release.name)
    pending = waiting.wait_until_healthy(
        work.client,
        refs,
        (),
        seconds=between.seconds,
        cancelled=work.cancelled,
        progress=work.progress,
        kinds=work.kinds,
    )
    if pending:
        why = diagnosis.diagnose(work.client, refs, pending)
        raise _late(between, "is not ready", why)

    def silent() -> list[str]:
        found = silent_webhooks(work.client, refs)
        return [f"{name}: {reason}" for name, reason in found.items()]

    _poll(work, between, deadline, silent, "has webhooks that do not answer")


def _await_kinds(work: Work, between: Between) -> None:
    """Kinds that the next release has objects of, and does not define itself, are served."""
    with work.slot():
        chart = work.artifact_path(between.following.chart)
        text = work.helm.template(
            between.following.name, chart, between.following.values, between.following.namespace
        )
    wanted = sorted(set(kinds_needed(text)))

    def lacking() -> list[str]:
        return [
            f"{kind} of {api} is not served" for api, kind in wanted if not work.client.resource(api, kind)
        ]

    _poll(
        work,
        between,
        time.monotonic() + between.seconds,
        lacking,
        f"did not bring what {between.following.name} has objects of",
    )


def kinds_needed(text: str) -> Iterator[tuple[str, str]]:
    """ApiVersion and kind of each object of a rendered release, but for kinds that it defines."""
    found = list(objects(text, where="release"))
    specs = [one["spec"] for one in found if one.get("kind") == "CustomResourceDefinition"]
    defined = {(spec["group"], spec["names"]["kind"]) for spec in specs}
    for one in found:
        api, kind = str(one.get("apiVersion", "")), str(one.get("kind", ""))
        if (api.partition("/")[0], kind) not in defined:
            yield api, kind


def _poll(work: Work, between: Between, deadline: float, lacking: Callable[[], list[str]], what: str) -> None:
    told: Sequence[str] = ()
    while found := lacking():
        if found != told:
            work.progress(f"release {between.release.name}: {'; '.join(found)}")
        told = found
        if work.cancelled():
            raise Interrupted("stopped while waiting", where=between.where, why="; ".join(found))
        if time.monotonic() > deadline:
            raise _late(between, what, "; ".join(found))
        time.sleep(_POLL)


def _late(between: Between, what: str, why: str) -> StepError:
    name, wait = between.release.name, between.release.wait
    return StepError(
        f"release {name} of module {between.record.name} {what}",
        where=between.where,
        why=why,
        hint=f"{between.following.name} comes after it (wait: {wait}); mend the cause and run again, it is continued",
    )
