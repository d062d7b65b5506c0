"""Orders steps by their needs; a need that is not in the plan is already satisfied."""

from dataclasses import replace

from slipway.errors import ConfigurationError
from slipway.model.plan import Step


def ordered(steps: tuple[Step, ...]) -> tuple[Step, ...]:
    """Needs first; otherwise in the order given.

    Raises:
        ConfigurationError: steps need each other in a circle.
    """
    planned = {step.id: step for step in steps}
    done: dict[str, Step] = {}
    waiting = [replace(step, needs=tuple(n for n in step.needs if n in planned)) for step in steps]
    while waiting:
        ready = [step for step in waiting if all(need in done for need in step.needs)]
        if not ready:
            circle = ", ".join(step.id for step in waiting)
            raise ConfigurationError("steps need each other in a circle", why=circle)
        done.update((step.id, step) for step in ready)
        waiting = [step for step in waiting if step.id not in done]
    return tuple(done.values())
