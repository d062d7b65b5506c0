"""Plans of bare steps."""

from slipway.model.plan import Change, Plan, Step, StepKind


def step(step_id: str, *needs: str) -> Step:
    kind, target, action = step_id.split("/")
    return Step(step_id, StepKind(kind), target, action, Change.CREATE, f"sha256:{step_id}", needs=needs)


def plan(*steps: Step) -> Plan:
    return Plan("slipway-system/site", 1, "sha256:catalog", "sha256:plan", "2026-01-01T00:00:00+00:00", steps)
