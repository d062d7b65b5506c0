"""Whose a definition is that is there already. One of another owner is never taken."""

from collections.abc import Iterable, Mapping

from slipway.cluster.lifecycle.attempts import DEFINITION, RELEASE, RELEASE_NAMESPACE
from slipway.cluster.own import records
from slipway.cluster.rest.client import Client, Object
from slipway.errors import StepError
from slipway.model.record import ModuleRecord


def foreign_owners(
    client: Client, module: str, releases: Iterable[str], present: Mapping[str, Object]
) -> dict[str, str]:
    """Definition -> who else has it. `present`: metadata by name; `releases`: those of the module."""
    if not present:
        return {}
    own, others = set(releases), _of_modules(client, module)
    found: dict[str, str] = {}
    for name, meta in present.items():
        notes = meta.get("annotations") or {}
        release, namespace = notes.get(RELEASE, ""), notes.get(RELEASE_NAMESPACE, "")
        if name in others:
            found[name] = f"module {others[name]}"
        elif release and release not in own and _stands(client, release, namespace):
            found[name] = f"Helm release {namespace}/{release}"
    return found


def refuse_foreign(module: str, owners: Mapping[str, str]) -> None:
    """StepError where somebody else has one."""
    if owners:
        said = "; ".join(f"{name} belongs to {owner}" for name, owner in sorted(owners.items()))
        raise StepError(
            f"module {module} has definitions that somebody else owns",
            where=f"module/{module}/apply",
            why=said,
            hint="one of both has to leave them out, by its values; or remove the other owner first",
        )


def _of_modules(client: Client, module: str) -> dict[str, str]:
    """Definition -> the other module whose record has it."""
    known, _ = records.read_modules(client)
    others = [record for name, record in known.items() if name != module]
    return {name: record.name for record in others for name in _recorded(record)}


def _recorded(record: ModuleRecord) -> list[str]:
    return [ref.name for ref in record.objects if (ref.api_version, ref.kind) == DEFINITION]


def _stands(client: Client, release: str, namespace: str) -> bool:
    """Whether Helm still has the release: what is left of one that is gone is anybody's."""
    labels = f"owner=helm,name={release}"
    return bool(client.list("v1", "Secret", namespace, labels=labels, metadata_only=True))
