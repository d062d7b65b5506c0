"""One folder below cases/: what is there, what is wanted, and the plan that has to come of it.

    before.yaml     patch on base.yaml's spec: what was installed; absent: base.yaml itself, `nothing`: bare servers
    patch.yaml      patch on that: what is wanted now; absent: no change
    observed.yaml   patch on what a probe sees; absent: all is as the installation left it. Of a host with an
                    `error_code` nothing else was read
    expected.yaml   the plan, and findings if there are any

All patches are JSON merge patches (lists are replaced). `python -m tests.unit.planning.example` writes every
expected.yaml anew, to be read in the diff.
"""

from dataclasses import dataclass, replace
from pathlib import Path
from typing import Any

import yaml
from pydantic import TypeAdapter

from slipway.api import read
from slipway.errors import ERROR, Finding
from slipway.model.configuration import Spec
from slipway.model.observed import HostObserved, Observed
from slipway.model.plan import Plan, Step
from slipway.planning.immutable import immutable_findings, machine_findings
from slipway.planning.plan import required_images
from slipway.planning.preflight import preflight
from slipway.planning.standing import said, standing_findings
from tests.cases import merge_patch
from tests.unit.planning import model

CASES = Path(__file__).parent / "cases"
#: Characters of a list that still stands on one line.
LINE = 100
_OBSERVED = TypeAdapter(Observed)


@dataclass(frozen=True)
class Example:
    """A folder, read."""

    name: str
    live: dict[str, Any] | None
    document: dict[str, Any]
    observed: Observed

    def __str__(self) -> str:
        return self.name

    @property
    def expected(self) -> dict[str, Any]:
        """expected.yaml."""
        found: dict[str, Any] = _yaml(CASES / self.name / "expected.yaml")
        return found

    def plan(self) -> Plan:
        """What planning makes of it."""
        return model.planned(self.document, self.observed)

    def outcome(self) -> dict[str, Any]:
        """The plan and the findings in the form of expected.yaml."""
        configuration = read.parse(self.document)
        immutable: list[Finding] = []
        if self.live:
            immutable = immutable_findings(Spec.model_validate(self.live["spec"]), configuration.spec)
            immutable += machine_findings(self.observed.cluster.nodes, configuration)
        plan = self.plan()
        images = {} if plan.empty else required_images(configuration, model.catalog())
        unfit = preflight(configuration, model.bundle(), self.observed, plan, images)
        outcome = {
            "steps": [_step(step) for step in plan.steps],
            "immutable": [finding.path for finding in immutable],
            "preflight": [_finding(finding) for finding in unfit],
            "sick": [said(ailment) for ailment in plan.standing.sick],
            "hints": [said(ailment) for ailment in plan.standing.hints],
            "fit": [_finding(finding) for finding in standing_findings(plan.standing)],
        }
        return {key: value for key, value in outcome.items() if value or key == "steps"}


def _finding(finding: Finding) -> str:
    text = f"{finding.path} {finding.code}"
    return text if finding.severity == ERROR else f"{text} {finding.severity}"


def examples() -> list[Example]:
    """All folders."""
    return [_example(folder) for folder in sorted(CASES.iterdir())]


def _example(folder: Path) -> Example:
    before, patch = _yaml(folder / "before.yaml"), _yaml(folder / "patch.yaml") or {}
    live = None if before == "nothing" else model.document(before or {})
    wanted = model.document(*([] if before == "nothing" else [before or {}]), patch)
    seen = model.installed(live) if live else model.fresh(read.parse(wanted))
    if live:  # hosts that are new now are bare servers that a probe reads too
        seen = _merged(seen, {"hosts": _dumped(model.fresh(read.parse(wanted)))["hosts"]}, over=False)
    return Example(folder.name, live, wanted, _silenced(_merged(seen, _yaml(folder / "observed.yaml") or {})))


def _silenced(seen: Observed) -> Observed:
    """Of hosts to which observed.yaml gives an error nothing else was read, whatever the installation left there."""
    hosts = {
        name: HostObserved(name, host.error_code, host.error or "as the case has it", hint=host.hint)
        for name, host in seen.hosts.items()
        if host.error_code
    }
    return replace(seen, hosts={**seen.hosts, **hosts})


def _merged(seen: Observed, patch: dict[str, Any], *, over: bool = True) -> Observed:
    layers = (_dumped(seen), patch) if over else (patch, _dumped(seen))
    return _OBSERVED.validate_python(merge_patch(*layers))


def _dumped(seen: Observed) -> dict[str, Any]:
    data: dict[str, Any] = _OBSERVED.dump_python(seen, mode="json")
    return data


def _yaml(path: Path) -> Any:
    return yaml.safe_load(path.read_text(encoding="utf-8")) if path.exists() else None


def _step(step: Step) -> dict[str, Any]:
    flags = [flag for flag in ("rolling", "disruptive", "destructive") if getattr(step, flag)]
    reasons = [f"{reason.cause} {reason.path}".strip() for reason in step.reasons]
    entry: dict[str, Any] = {"id": step.id, "change": str(step.change), "reasons": reasons}
    entry |= ({"needs": list(step.needs)} if step.needs else {}) | ({"flags": flags} if flags else {})
    return entry | ({"held": step.hold.what} if step.hold else {})


def _fits(items: list[object]) -> bool:
    return all(isinstance(item, str) for item in items) and len(", ".join(map(str, items))) < LINE


class _Dumper(yaml.SafeDumper):
    """Short lists on one line."""

    def represent_sequence(self, tag: str, sequence: Any, flow_style: bool | None = None) -> Any:
        return super().represent_sequence(tag, sequence, _fits(sequence))


def write() -> None:
    """Write what comes out now."""
    for example in examples():
        text = yaml.dump(example.outcome(), Dumper=_Dumper, sort_keys=False, width=LINE)
        (CASES / example.name / "expected.yaml").write_text(text, encoding="utf-8")


if __name__ == "__main__":
    write()
