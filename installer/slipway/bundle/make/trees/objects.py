"""Rendered manifests as the files of a chart. Pure.

Definitions go into crds/, which Helm neither renders nor deletes; all else becomes templates, in which Helm's marks are
text. A Namespace is the release's own affair, so it is left out, and what it said has to stand in module.yaml.
"""

import re
from collections.abc import Collection, Iterable, Iterator, Mapping
from typing import Any, Final

from slipway import yamltext
from slipway.catalog.images.names import parse
from slipway.errors import BundleError, Finding
from slipway.findings import FindingCode

#: Namespaces that every cluster has.
_EVERYWHERE: Final = frozenset({"default", "kube-public", "kube-system", "kube-node-lease"})
_CONTAINERS: Final = ("initContainers", "containers", "ephemeralContainers")
#: What Kubernetes itself labels a Namespace with.
_OWN_LABELS: Final = frozenset({"kubernetes.io/metadata.name", "name"})
Manifests = Iterable[Mapping[str, Any]]


def chart_files(
    manifests: Manifests, namespaces: Collection[str], labels: Mapping[str, str]
) -> dict[str, str]:
    """Path in the chart -> text. `namespaces`: those of the module's releases, `labels` of this release's.

    Raises:
        BundleError: an object is for another namespace, or a Namespace says more than the release.
    """
    found = list(manifests)
    if findings := tuple(_findings(found, namespaces, labels)):
        hint = "say it in module.yaml (namespace, labels), or patch it away in the overlay"
        raise BundleError("the manifests do not fit the release", findings=findings, hint=hint)
    files: dict[str, str] = {}
    for manifest in found:
        if manifest["kind"] != "Namespace":
            path, text = _file(manifest)
            number = 2
            while path in files:  # one kind of several groups, or one name in two namespaces
                path, number = re.sub(r"(-[0-9]+)?\.yaml$", f"-{number}.yaml", path), number + 1
            files[path] = text
    return files


def _findings(
    manifests: Manifests, namespaces: Collection[str], labels: Mapping[str, str]
) -> Iterator[Finding]:
    for manifest in manifests:
        metadata = manifest.get("metadata") or {}
        name = f"{manifest['kind']}/{metadata.get('name', '?')}"
        place = metadata.get("namespace", "")
        if place and place not in namespaces and place not in _EVERYWHERE:
            expected = ", ".join(sorted(namespaces))
            yield Finding(name, f"is for namespace {place}", expected=expected, code=FindingCode.BAD_VALUE)
        if manifest["kind"] == "Namespace":
            own = metadata.get("labels") or {}
            for label in sorted(own.keys() - _OWN_LABELS):
                if labels.get(label) != own[label]:
                    text = f"has the label {label}={own[label]}, and the release has not"
                    yield Finding(name, text, code=FindingCode.MISSING)


def _file(manifest: Mapping[str, Any]) -> tuple[str, str]:
    kind, name = str(manifest["kind"]), str((manifest.get("metadata") or {}).get("name", ""))
    if kind == "CustomResourceDefinition":
        return f"crds/{name}.yaml", yamltext.dump(manifest)
    plain = re.sub(r"[^a-z0-9.-]+", "-", f"{kind}-{name}".lower())
    return f"templates/{plain}.yaml", escaped(yamltext.dump(_pulled_once(manifest)))


def escaped(text: str) -> str:
    """A text that Helm's templates give back as it is."""
    return text.replace("{{", '{{ "{{" }}')


def _pulled_once(tree: Any) -> Any:
    """With full names of containers' images, and none that is asked for at each start of a pod."""
    if isinstance(tree, list):
        return [_pulled_once(item) for item in tree]
    if not isinstance(tree, Mapping):
        return tree
    return {
        key: [_container(item) for item in value]
        if key in _CONTAINERS and isinstance(value, list)
        else _pulled_once(value)
        for key, value in tree.items()
    }


def _in_full(reference: str) -> str:
    name = parse(reference)
    return name.name + reference.removeprefix(name.given)


def _container(item: Any) -> Any:
    if not isinstance(item, Mapping):
        return item
    changed = {"image": _in_full(item["image"])} if isinstance(item.get("image"), str) else {}
    if item.get("imagePullPolicy") == "Always":
        changed["imagePullPolicy"] = "IfNotPresent"
    return {**item, **changed}
