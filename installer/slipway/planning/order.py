"""Orders steps by their needs; a need that is not in the plan is already satisfied."""

from dataclasses import replace

from slipway.errors import ConfigurationError
from slipway.model.plan import Step


def ordered(steps: tuple[Step, ...]) -> tuple[Step, ...]:
    """Needs first; otherwise in the order given.

    Raises:
        ConfigurationError: steps need each other in a circle.
    """
    ids = {step.id for step in steps}
    planned = {step.id: replace(step, needs=tuple(n for n in step.needs if n in ids)) for step in steps}
    waited_by: dict[str, list[str]] = {name: [] for name in planned}
    for step in planned.values():
        for need in step.needs:
            waited_by[need].append(step.id)
    left = {name: len(step.needs) for name, step in planned.items()}
    rounds = {name: 0 for name, count in left.items() if not count}
    ready = list(rounds)
    for name in ready:  # grows while it is walked; a step comes one round after the last of its needs
        for other in waited_by[name]:
            left[other] -= 1
            if not left[other]:
                rounds[other] = rounds[name] + 1
                ready.append(other)
    if len(ready) < len(planned):
        circle = ", ".join(name for name in planned if name not in rounds)
        raise ConfigurationError("steps need each other in a circle", why=circle)
    return tuple(sorted(planned.values(), key=lambda step: rounds[step.id]))
