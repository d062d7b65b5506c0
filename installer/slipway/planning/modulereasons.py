"""Why a module has a step, in terms of the user's fields."""

from collections.abc import Collection, Iterator, Mapping
from typing import Any, Final

from slipway.catalog import Catalog, Module
from slipway.catalog.relations.succession import told_settings
from slipway.model.configuration import Configuration
from slipway.model.observed import DefinitionChange
from slipway.model.plan import Because, Reason, Step, StepKind
from slipway.model.record import ModuleRecord
from slipway.planning.modulesecrets import INPUT, secret_reason
from slipway.planning.together.answers import ANSWERS, answer_reason

#: Inputs that the user's own fields explain better than the values they are rendered to.
_EXPLAINED = {"settings", "values"}


def readable_reasons(step: Step, name: str, record: ModuleRecord | None) -> Iterator[Reason]:
    """Reasons in terms of the user's fields: rendered values are named only when no field explains them.

    `record`: the module as it was.
    """
    owner = record.owner if record else ""
    changed = {reason.path for reason in step.reasons if reason.cause is Because.FIELD}
    for reason in step.reasons:
        if reason.cause is Because.CONTENT and record and record.version:
            now = step.inputs["version"]
            text = (
                f"{name} {now} itself changed"
                if now == record.version
                else f"{name} {record.version} -> {now}"
            )
            yield Reason(Because.CONTENT, text)
        elif reason.path == "version":
            continue  # told with the content
        elif reason.cause is not Because.FIELD:
            yield reason
        elif reason.path == "owner":
            yield Reason(Because.OWNER, f"it is taken over from ClusterConfiguration {owner}")
        elif reason.path.startswith(f"{INPUT}."):
            yield secret_reason(name, reason.path.partition(".")[2], record, step.inputs)
        elif reason.path.startswith(f"{ANSWERS}."):
            yield answer_reason(
                name, reason.path.partition(".")[2], record.parts if record else {}, step.parts
            )
        elif reason.path in _EXPLAINED:
            path = f"spec.modules.{name}.{reason.path}"
            yield Reason(Because.FIELD, f"{path} changed", path)
        elif not (changed & _EXPLAINED or any(path.startswith(f"{ANSWERS}.") for path in changed)):
            yield Reason(Because.FIELD, f"{name}: {reason.path} changed", reason.path)


def setting_reasons(module: Module, settings: Mapping[str, Any]) -> Iterator[Reason]:
    """Settings that a user gives by names or values of an older version; they count as this one says them."""
    for text in told_settings(module, settings):
        yield Reason(Because.EFFECT, f"{text}; {_WHEN_IT_SUITS}")


def former_notices(configuration: Configuration, catalog: Catalog, steps: Collection[Step]) -> Iterator[str]:
    """The same of modules without a step, which tells it itself."""
    told = {step.target for step in steps if step.kind is StepKind.MODULE}
    for name, spec in configuration.spec.modules.items():
        module = catalog.modules.get(name)
        if module and name not in told and spec.enabled is not False:
            yield from (f"{text}; {_WHEN_IT_SUITS}" for text in told_settings(module, spec.settings))


_WHEN_IT_SUITS: Final = "write it so when it suits, that is no step"


def definition_reasons(changes: Mapping[str, DefinitionChange]) -> Iterator[Reason]:
    """What becomes another one of the definitions that are there; `changes` by definition."""
    for name, change in sorted(changes.items()):
        text = f"changes CustomResourceDefinition {name}: {', '.join(change.parts)}"
        yield Reason(Because.EFFECT, text)


def half_done_reasons(record: ModuleRecord, step: str) -> Iterator[Reason]:
    """What touched it last; of an open intent of this very step there is a reason already."""
    if record.intent is None:
        yield Reason(Because.INTENT, f"the last attempt failed: {record.message}")
    elif record.intent.step != step:
        yield Reason(
            Because.INTENT, f"operation {record.intent.operation} began to remove it and has not finished"
        )
