"""What a module's removal takes that cannot be made again: told by name before somebody agrees."""

from collections.abc import Iterator, Sequence

from slipway.catalog import Fate, Removal
from slipway.model.plan import Because, Reason
from slipway.model.record import ModuleRecord, ObjectRef


def loss_reasons(lost: Sequence[ObjectRef]) -> Iterator[Reason]:
    """All that goes for good, by name; a reason for each kind."""
    names: dict[str, list[str]] = {}
    for ref in lost:
        names.setdefault(ref.kind, []).append("/".join(filter(None, (ref.namespace, ref.name))))
    for kind, those in names.items():
        yield Reason(Because.EFFECT, f"destroys {kind} {', '.join(those)}")


def may_lose(record: ModuleRecord, policy: Removal) -> bool:
    """Whether something may go, by the record alone, where nobody looked.

    The claims of a StatefulSet are made by its controller, so no record names them.
    """
    kinds = {item.kind for item in record.objects}
    claims = policy.data is Fate.DELETE and bool(kinds & {"PersistentVolumeClaim", "StatefulSet"})
    made = policy.data is Fate.DELETE and any(one.made for one in record.secrets)
    return claims or made or (policy.crds is Fate.DELETE and "CustomResourceDefinition" in kinds)
