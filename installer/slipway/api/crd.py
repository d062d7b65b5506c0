"""The two CustomResourceDefinitions: ClusterConfiguration (`cc`), from the model, and Operation (`op`).

Installed by the step `settings`, printed by `slipway crd`, kept as docs/reference/crd.yaml.
"""

from typing import Any

from slipway.api.schema import spec_schema
from slipway.model.status import ConditionType
from slipway.settings import API_GROUP, API_VERSION

VERSION = API_VERSION.removeprefix(f"{API_GROUP}/")


def crds() -> tuple[dict[str, Any], dict[str, Any]]:
    """Both, in the order in which they are installed."""
    return crd(), operation_crd()


def crd() -> dict[str, Any]:
    """Definition of ClusterConfiguration."""
    columns = [
        _column("Ready", _condition(ConditionType.READY, "status")),
        _column("Phase", ".status.phase"),
        _column("Version", ".status.version"),
        _column("Nodes", _condition(ConditionType.HOSTS_READY, "message")),
        _column("Modules", _condition(ConditionType.MODULES_READY, "message")),
        _column("Age", ".metadata.creationTimestamp", "date"),
    ]
    schema = _root(
        "What a cluster shall be: its hosts, its Kubernetes and its modules.", spec_schema(), _status()
    )
    return _definition("ClusterConfiguration", "cc", schema, columns)


def operation_crd() -> dict[str, Any]:
    """Definition of Operation: the summary of one run. Of it, the next operator reads what was done before; no more."""
    columns = [
        _column("Configuration", ".spec.configuration"),
        _column("By", ".spec.startedBy.name"),
        _column("Phase", ".status.phase"),
        _column("Seconds", ".status.seconds", "number"),
        _column("Message", ".status.message"),
        _column("Age", ".metadata.creationTimestamp", "date"),
    ]
    spec = _object(
        {
            "configuration": _text("Name of the ClusterConfiguration.", 253),
            "startedBy": _object(
                {
                    "origin": _text("operator or command-line."),
                    "name": _text("USER@MACHINE, or the operator's pod."),
                    "holder": _text("Its process, as in locks."),
                },
                "Who began it.",
            ),
            "plan": _text("Digest of the plan."),
            "catalog": _text("Digest of the catalog."),
            "steps": _list(_planned_step(), "Its steps, in an order in which they can run."),
            "brief": _count("Steps among them of which step and change alone are told: there are many."),
            "omitted": _count("Steps that are not among them: there are too many."),
        },
        "What was to be done.",
        required=["configuration", "plan"],
    )
    schema = _root("One run of a plan.", spec, _operation_status())
    return _definition("Operation", "op", schema, columns)


def _definition(
    kind: str, short: str, schema: dict[str, Any], columns: list[dict[str, str]]
) -> dict[str, Any]:
    plural = f"{kind.lower()}s"
    return {
        "apiVersion": "apiextensions.k8s.io/v1",
        "kind": "CustomResourceDefinition",
        "metadata": {"name": f"{plural}.{API_GROUP}"},
        "spec": {
            "group": API_GROUP,
            "scope": "Namespaced",
            "names": {
                "kind": kind,
                "listKind": f"{kind}List",
                "plural": plural,
                "singular": kind.lower(),
                "shortNames": [short],
            },
            "versions": [
                {
                    "name": VERSION,
                    "served": True,
                    "storage": True,
                    "subresources": {"status": {}},
                    "additionalPrinterColumns": columns,
                    "schema": {"openAPIV3Schema": schema},
                }
            ],
        },
    }


def _root(description: str, spec: dict[str, Any], status: dict[str, Any]) -> dict[str, Any]:
    return {
        "type": "object",
        "description": description,
        "required": ["spec"],
        "properties": {
            "apiVersion": {"type": "string"},
            "kind": {"type": "string"},
            "metadata": {"type": "object"},
            "spec": spec,
            "status": status,
        },
    }


def _status() -> dict[str, Any]:
    operation = {
        "id": _text("The operation; empty while a plan waits for approval."),
        "catalog": _text("Digest of the catalog."),
        "plan": _text("Digest of the plan: the value of the approval annotation."),
        "step": _text("What runs now."),
        "percent": {"type": "integer", "description": "Share of its steps that ended."},
        "started": _text("When it began."),
        "outcome": _text("succeeded, failed, blocked, cancelled, superseded or interrupted."),
    }
    return _object(
        {
            "observedGeneration": {
                "type": "integer",
                "format": "int64",
                "description": "Generation that the status is about.",
            },
            "phase": _text("The state in one word, for people."),
            "version": _text("Version of Kubernetes that runs."),
            "conditions": _conditions(),
            "operation": _object(operation, "The operation that runs or ran last."),
            "hosts": _targets("Hosts."),
            "modules": _targets("Modules."),
            "plan": _text("What would be done, or waits for approval, in lines."),
        },
        "What was seen and done.",
    )


def _planned_step() -> dict[str, Any]:
    reason = {
        "cause": _text("Which kind of reason: field, content, drift, required, ..."),
        "text": _text("It, for people."),
        "path": _text("Field or file that it is about."),
    }
    value = {"x-kubernetes-preserve-unknown-fields": True}
    change = {
        "path": _text("The field."),
        "before": value | {"description": "What was carried out last, shortened; unset: it was not set."},
        "after": value | {"description": "What is wanted, shortened; unset: it is set no more."},
    }
    step = {
        "step": _text("Id of the step.", 512),
        "kind": _text("host, mirror, settings, node, admission, encryption or module."),
        "target": _text("Name of the host or module."),
        "action": _text("The host's role, or apply, remove, push, ..."),
        "change": _text("create, update, continue, repair or remove."),
        "disruptive": {"type": "boolean", "description": "Something stops meanwhile."},
        "destructive": {"type": "boolean", "description": "Something is lost by it."},
        "reasons": _list(_object(reason, "Why."), "Why it is taken."),
        "changes": _list(
            _object(change, "One field.", required=["path"]),
            "Fields of the ClusterConfiguration that it follows; what may be a secret is not shown.",
        ),
        "back": _object(_way_back(), "How the version before a module's upgrade comes back."),
        "hold": _object(_failure_parts(), "Why it is not carried out now; unset: it is."),
    }
    return _object(step, "One step.", required=["step"])


def _way_back() -> dict[str, Any]:
    return {
        "version": _text("The one before."),
        "obstacles": _list(_text("Why it may not come back."), "None: it comes back by itself."),
        "bars": {"type": "boolean", "description": "Whether a failure is kept, and nothing is rolled back."},
        "saved": _list(_text("Name of a claim."), "Of what snapshots are taken, to be put back by hand."),
    }


def _failure_parts() -> dict[str, Any]:
    return {
        "what": _text("What failed, or is missing."),
        "where": _text("Where."),
        "why": _text("The first cause."),
        "hint": _text("What next."),
    }


def _operation_status() -> dict[str, Any]:
    failure = _failure_parts() | {"retryable": {"type": "boolean", "description": "The same again may do."}}
    progress = {
        "planned": {"type": "integer", "description": "Steps in all."},
        "ended": {"type": "integer", "description": "Steps that have ended."},
        "running": {"type": "array", "maxItems": 4096, "items": _text("Id of a step.", 512)},
    }
    step = {
        "step": _text("Id of the step.", 512),
        "outcome": _text("succeeded, failed, blocked, cancelled or superseded."),
        "seconds": {"type": "number"},
        "changed": {"type": "integer"},
        "message": _text("What failed, where, why, what next."),
        "failure": _object(failure, "The same in its parts."),
    }
    waiting = {"step": _text("Id of the step.", 512), "message": _text("In the words of what holds it up.")}
    counts = ("planned", "ansibleRuns", "helmCalls", "imagesCopied", "apiWrites")
    return _object(
        {
            "phase": _text("Running, or how it ended."),
            "progress": _object(progress, "How far it is."),
            "steps": _list(_object(step, "One step.", required=["step"]), "Its steps."),
            "waiting": _list(
                _object(waiting, "One step.", required=["step"]), "What its steps wait for now."
            ),
            "counts": _object({name: {"type": "integer"} for name in counts}, "What it cost."),
            "failure": _object(
                {"step": _text("Id of the step; empty: of none.", 512), **failure},
                "The first failure, or why it was broken off; unset: there is none.",
            ),
            "seconds": {"type": "number", "description": "Wall-clock time."},
            "startedAt": {"type": "string", "format": "date-time", "description": "Begin."},
            "finishedAt": {"type": "string", "format": "date-time", "description": "End."},
            "message": _text("The outcome for people."),
        },
        "How it went.",
    )


def _conditions() -> dict[str, Any]:
    condition = {
        "type": _text("Which condition.", 316),
        "status": {"type": "string", "enum": ["True", "False", "Unknown"]},
        "reason": _text("Why, in one word.", 1024),
        "message": _text("Why, for people.", 32768),
        "observedGeneration": {"type": "integer", "format": "int64"},
        "lastTransitionTime": {"type": "string", "format": "date-time"},
    }
    one = _object(condition, "One condition.", required=["type", "status", "reason", "lastTransitionTime"])
    return _map_list(one, "Conditions by the rules of kstatus.", "type", 32)


def _targets(description: str) -> dict[str, Any]:
    target = {
        "name": _text("Its name.", 253),
        "phase": _text("The state in one word."),
        "version": _text("Version that runs."),
        "digest": _text("Digest of what was applied last."),
        "message": _text("More about the phase."),
        "lastTransitionTime": {"type": "string", "format": "date-time"},
    }
    return _map_list(_object(target, "One of them.", required=["name"]), description, "name", 2000)


def _list(item: dict[str, Any], description: str) -> dict[str, Any]:
    """One value: of a list of entries with names the API server keeps, of each field, who wrote it."""
    return {"type": "array", "description": description, "maxItems": 4096, "items": item}


def _count(description: str) -> dict[str, Any]:
    return {"type": "integer", "description": description}


def _map_list(item: dict[str, Any], description: str, key: str, most: int) -> dict[str, Any]:
    return {
        "type": "array",
        "description": description,
        "maxItems": most,
        "items": item,
        "x-kubernetes-list-type": "map",
        "x-kubernetes-list-map-keys": [key],
    }


def _object(
    properties: dict[str, Any], description: str, *, required: list[str] | None = None
) -> dict[str, Any]:
    schema = {"type": "object", "description": description, "properties": properties}
    return schema | ({"required": required} if required else {})


def _text(description: str, most: int = 32768) -> dict[str, Any]:
    return {"type": "string", "description": description, "maxLength": most}


def _column(name: str, path: str, kind: str = "string") -> dict[str, str]:
    return {"name": name, "type": kind, "jsonPath": path}


def _condition(kind: str, field: str) -> str:
    return f'.status.conditions[?(@.type=="{kind}")].{field}'
