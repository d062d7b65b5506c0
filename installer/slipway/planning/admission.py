"""Image names of pods, rewritten by the API server where Docker runs: it can mirror no registry but Docker Hub.

A MutatingAdmissionPolicy and its binding. Every field is written that the API server would set itself, so that what
stands in the cluster can be compared with what should.
"""

from collections.abc import Iterator, Mapping
from typing import Any

from slipway.digests import canonical_json
from slipway.model.bundle import BundleManifest
from slipway.model.configuration import Configuration
from slipway.model.observed import Observed
from slipway.model.plan import Action, Because, Change, Reason, Step, StepKind
from slipway.planning.digests import digest
from slipway.planning.draining import node_step_id
from slipway.planning.holding import away
from slipway.planning.hosts import ADMISSION_STEP, IMAGE_NAMES, WITHDRAWAL_STEP, membership_step, step_id
from slipway.planning.roles.base import SOME_RUNTIME
from slipway.planning.sitenames import has_docker, renamed_registries, site_prefix, site_registry
from slipway.settings import ADMISSION_API, ADMISSION_KINDS, ADMISSION_NAME

#: How the kubelet marks what it runs without asking: renaming its image in the API would tell something untrue.
STATIC = "kubernetes.io/config.mirror"

#: Where containers stand in a pod.
LISTS = ("containers", "initContainers", "ephemeralContainers")


def policy_documents(configuration: Configuration, bundle: BundleManifest) -> list[dict[str, Any]]:
    """The policy and its binding; none where no host runs Docker."""
    if not has_docker(configuration):
        return []
    registries = renamed_registries(configuration, bundle)
    specs = (_policy(site_registry(configuration), site_prefix(configuration), registries), _binding())
    return [
        {"apiVersion": ADMISSION_API, "kind": kind, "metadata": {"name": ADMISSION_NAME}, "spec": spec}
        for kind, spec in zip(ADMISSION_KINDS, specs, strict=True)
    ]


def _policy(registry: str, prefix: str, registries: list[str]) -> dict[str, Any]:
    """Only images of a pod are touched, and of one that runs only those that this very request changes."""
    value = f"{_text(prefix)} + image.full"
    patch = f"JSONPatch{{op: 'replace', path: image.path, value: {value}}}"
    return {
        "matchConstraints": {
            "matchPolicy": "Equivalent",
            "namespaceSelector": {},
            "objectSelector": {},
            "resourceRules": [
                _rule(["CREATE", "UPDATE"], "pods"),
                _rule(["UPDATE"], "pods/ephemeralcontainers"),
            ],
        },
        "matchConditions": [
            {
                "name": "not-static",
                "expression": f"!({_text(STATIC)} in object.metadata.?annotations.orValue({{}}))",
            }
        ],
        "variables": [
            {"name": "kept", "expression": _kept()},
            {"name": "given", "expression": _given()},
            {"name": "full", "expression": _full()},
            {"name": "renamed", "expression": _renamed(registry, registries)},
        ],
        "mutations": [
            {
                "patchType": "JSONPatch",
                "jsonPatch": {"expression": f"variables.renamed.map(image, {patch})"},
            }
        ],
        # A pod that is let through as it is would wait for its image for ever, and say nothing of why.
        "failurePolicy": "Fail",
        # Also what a webhook puts into a pod afterwards.
        "reinvocationPolicy": "IfNeeded",
    }


def _binding() -> dict[str, Any]:
    return {"policyName": ADMISSION_NAME}


def _rule(operations: list[str], resource: str) -> dict[str, Any]:
    return {
        "apiGroups": [""],
        "apiVersions": ["v1"],
        "operations": operations,
        "resources": [resource],
        "scope": "Namespaced",
    }


def _kept() -> str:
    """Containers of the pod as it was, each as `NAME IMAGE`: a new image would restart them."""
    lists = (f"oldObject.spec.?{name}.orValue([]).map(c, c.name + ' ' + c.image)" for name in LISTS)
    return f"oldObject == null ? [] : {' + '.join(lists)}"


def _given() -> str:
    """Path of each image that is new -> itself. What has no image is refused by the API server."""
    lists = (
        f"object.spec.?{name}.orValue([]).transformList(i, c, has(c.image) && "
        f"!((c.?name.orValue('') + ' ' + c.image) in variables.kept), "
        f"{{'path': '/spec/{name}/' + string(i) + '/image', 'image': string(c.image)}})"
        for name in LISTS
    )
    return " + ".join(lists)


def _full() -> str:
    """The same with full names, as planning.sitenames.full_name makes them."""
    return (
        "variables.given.map(c, {'path': c.path, 'full':"
        r" (c.image.matches('^([^/]*[.:][^/]*|localhost)/') ? c.image : 'docker.io/' + c.image)"
        r".replace('index.docker.io/', 'docker.io/', c.image.startsWith('index.docker.io/') ? 1 : 0)})"
        r".map(c, c.full.matches('^docker[.]io/[^/]+$') ?"
        " {'path': c.path, 'full': c.full.replace('docker.io/', 'docker.io/library/', 1)} : c)"
    )


def _renamed(registry: str, registries: list[str]) -> str:
    names = ", ".join(_text(name) for name in registries if name != registry)
    return f"variables.full.filter(c, c.full.split('/')[0] in [{names}])"


def _text(value: str) -> str:
    """A literal of CEL; registries have neither quotes nor backslashes in their names."""
    return f"'{value}'"


def admission_steps(
    configuration: Configuration, bundle: BundleManifest, observed: Observed
) -> Iterator[Step]:
    """What brings the policy into the cluster, puts it right, or takes it away once no host runs Docker."""
    documents = policy_documents(configuration, bundle)
    there = observed.cluster.admission
    if documents:
        yield from _apply(configuration, observed, documents)
    elif there.found and configuration.hosts:
        inputs = {"name": ADMISSION_NAME}
        yield Step(
            id=WITHDRAWAL_STEP,
            kind=StepKind.ADMISSION,
            target=IMAGE_NAMES,
            action=Action.REMOVE,
            change=Change.REMOVE,
            digest=digest(inputs, {}),
            needs=_last_docker(configuration, observed),
            reasons=(Reason(Because.REMOVED, "no host runs Docker any more", SOME_RUNTIME),),
            inputs=inputs,
        )


def _apply(
    configuration: Configuration, observed: Observed, documents: list[dict[str, Any]]
) -> Iterator[Step]:
    wanted = digest(documents, {})
    change, reasons = _reasons(observed, documents, wanted)
    if reasons:
        yield Step(
            id=ADMISSION_STEP,
            kind=StepKind.ADMISSION,
            target=IMAGE_NAMES,
            action=Action.APPLY,
            change=change,
            digest=wanted,
            needs=_served(configuration, observed),
            reasons=reasons,
            inputs={"documents": documents},
        )


def _reasons(
    observed: Observed, documents: list[dict[str, Any]], wanted: str
) -> tuple[Change, tuple[Reason, ...]]:
    there = observed.cluster.admission
    if not there.found:
        text = "a host runs Docker, which pulls by the site registry's names"
        return Change.CREATE, (Reason(Because.ABSENT, text, SOME_RUNTIME),)
    if there.digest != wanted:
        text = "what the site registry answers for changed, or how names are rewritten"
        return Change.UPDATE, (Reason(Because.CONTENT, text, "spec.registry, bundle"),)
    edited = [kind for kind, spec in _specs(documents).items() if not _same(there.specs.get(kind), spec)]
    return Change.REPAIR, tuple(
        Reason(
            Because.DRIFT, f"{kind} {ADMISSION_NAME}: {'changed' if kind in there.specs else 'missing'}", kind
        )
        for kind in edited
    )


def _specs(documents: list[dict[str, Any]]) -> dict[str, Any]:
    return {document["kind"]: document["spec"] for document in documents}


def _same(found: Mapping[str, Any] | None, wanted: Mapping[str, Any]) -> bool:
    return found is not None and canonical_json(found) == canonical_json(wanted)


def _served(configuration: Configuration, observed: Observed) -> tuple[str, ...]:
    """Control planes that serve policies with their new settings, and nodes that can pull by the new names."""
    first, *others = configuration.control_planes
    nodes = [host for host in configuration.hosts if host.name in observed.cluster.nodes]
    nodes = [host for host in nodes if not away(observed, host.name)]
    planes = [membership_step(host) for host in (first, *others) if host is first or host in nodes]
    return (*planes, *(step_id(host.name, "container_runtime") for host in nodes))


def _last_docker(configuration: Configuration, observed: Observed) -> tuple[str, ...]:
    """Every node has another runtime by then, or has left."""
    names = {host.name for host in configuration.hosts}
    nodes = sorted(observed.cluster.nodes)
    roles = ("container_runtime", "kubernetes_node")
    stay = (step_id(name, role) for name in nodes if name in names for role in roles)
    return (*stay, *(node_step_id(name, Action.REMOVE) for name in nodes if name not in names))
