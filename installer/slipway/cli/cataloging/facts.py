"""A module's facts, for machines and for columns."""

from collections.abc import Iterable
from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    from slipway.catalog import Module


def module_facts(module: "Module") -> dict[str, Any]:
    """All that is known of it, for machines."""
    return {
        "name": module.name,
        "version": module.version,
        "summary": module.summary,
        "group": str(module.group),
        "stage": str(module.stage),
        "kubernetes": module.kubernetes.text,
        "provides": [one.name for one in module.provides],
        "exclusive": [one.name for one in module.provides if one.exclusive],
        "requires": [{"name": item.name, "when": dict(item.when)} for item in module.requires],
        "uses": [{"name": item.name, "first": item.first} for item in module.uses],
        "conflicts": [
            {"name": item.name, "because": item.because, "unless": dict(item.unless)}
            for item in module.conflicts
        ],
        "images": list(module.images),
        "imageConditions": {image: dict(when) for image, when in module.image_conditions.items()},
        "digests": {one.image: dict(one.platforms) for one in module.lock.digests} if module.lock else {},
        "unread": list(module.unread),
        "runtimeImages": list(module.runtime_images),
        "acknowledgedImages": [{"image": one.image, "reason": one.reason} for one in module.acknowledged],
        "settings": module.schema.get("properties", {}),
        "removal": {
            "crds": module.removal.crds,
            "data": module.removal.data,
            "namespace": module.removal.namespace,
        },
        "resources": [
            {
                "cpu": one.amount.cpu / 1000,
                "memory": one.amount.memory,
                "per": "node" if one.per_node else "cluster",
                "times": one.times,
            }
            for one in module.resources
        ],
        "level": level_of(module),
        "trials": _trials(module),
        "secrets": [one.model_dump(mode="json", by_alias=True) for one in module.secrets],
    }


def provided_by(module: "Module") -> str:
    """Capabilities; of one with a ! there is one provider in a cluster."""
    return _joined(f"{one.name}!" if one.exclusive else one.name for one in module.provides)


def _trials(module: "Module") -> list[dict[str, Any]]:
    from slipway.catalog.folder.levels import trials_of

    return [trial.model_dump(mode="json", by_alias=True) for trial in trials_of(module.directory)]


def level_of(module: "Module") -> str:
    """What has been tried of it; of a former form of it in brackets."""
    from slipway.catalog.folder.levels import reached, trials_of

    found = reached(module, trials_of(module.directory))
    return str(found) if found else "-"


def required_by(module: "Module") -> str:
    """Requirements; one that depends on settings is in brackets."""
    return _joined(
        dict.fromkeys(item.name if not item.when else f"[{item.name}]" for item in module.requires)
    )


def _joined(names: Iterable[str]) -> str:
    return ",".join(names) or "-"
