"""From what a user wrote to a `Configuration`: parse, validate, check, resolve. Called by both doors.

All mistakes come in one ConfigurationError; those that need more than one field are looked for once every
field is well-formed. Module names and settings are the catalog's to judge.
"""

import dataclasses
import json
from collections.abc import Iterable, Iterator, Mapping
from pathlib import Path
from typing import Any

from pydantic import ValidationError

from slipway.api import explain, merge, semantics, yamlfile
from slipway.api.stored import as_stored, unstorable
from slipway.api.yamlfile import kind_of, step
from slipway.errors import ConfigurationError, Finding
from slipway.findings import FindingCode
from slipway.model.configuration import Configuration, Spec
from slipway.model.fields import Name
from slipway.settings import API_GROUP, API_VERSION, ELECTION, LEASE_PREFIX, NAMESPACE

KIND = "ClusterConfiguration"
_TOP = ("apiVersion", "kind", "metadata", "spec", "status")
_METADATA = (
    "name",
    "namespace",
    "labels",
    "annotations",
    "generation",
    "uid",
    "resourceVersion",
    "creationTimestamp",
    "deletionTimestamp",
    "deletionGracePeriodSeconds",
    "managedFields",
    "finalizers",
    "ownerReferences",
    "generateName",
    "selfLink",
)
#: Maps whose content belongs to somebody else's schema: null may mean something there.
_FREE = frozenset({"settings", "values", "extraConfig", "kubelet", "config"})


def document(path: Path) -> dict[str, Any]:
    """The file as the API server would store it, unchecked but for being one YAML map."""
    found: dict[str, Any] = as_stored(yamlfile.read(path))
    return found


def load(path: Path) -> Configuration:
    """The ClusterConfiguration in the file.

    Raises:
        ConfigurationError: with every mistake, its field path and its line.
    """
    text = yamlfile.text_of(path)
    raw = yamlfile.loads(text, where=str(path))
    try:
        return parse(raw)
    except ConfigurationError as exc:
        raise refusal(exc.findings, path=path, text=text) from exc


def parse(document: Mapping[str, Any], *, generation: int = 0) -> Configuration:
    """The ClusterConfiguration in a document, as a file or the cluster has it."""
    metadata = document.get("metadata")
    metadata = metadata if isinstance(metadata, Mapping) else {}
    found = list(_envelope(document))
    spec, mistakes = _spec(document.get("spec"))
    name, namespace = str(metadata.get("name", "")), str(metadata.get("namespace") or NAMESPACE)
    if found or mistakes or spec is None:
        raise refusal([*found, *mistakes], where=name)
    return _configuration(spec, name, namespace, generation or int(metadata.get("generation") or 0))


def parse_spec(
    spec: Mapping[str, Any], *, name: str, namespace: str = NAMESPACE, generation: int = 0
) -> Configuration:
    """The same from the spec alone."""
    parsed, mistakes = _spec(spec)
    found = [*_taken(name), *mistakes]
    if found or parsed is None:
        raise refusal(found, where=name)
    return _configuration(parsed, name, namespace, generation)


def stored_spec(spec: Mapping[str, Any], *, name: str, namespace: str) -> Spec:
    """The spec of an object in the cluster, field by field: what they mean together is for who follows it to say.

    Raises:
        ConfigurationError: another release wrote it, with fields or values that this one does not know.
    """
    try:
        return Spec.model_validate(spec)
    except ValidationError as exc:
        correct = f"kubectl -n {namespace} edit clusterconfiguration {name}"
        raise ConfigurationError(
            "this release cannot read the ClusterConfiguration in the cluster",
            where=f"clusterconfiguration/{name}",
            findings=tuple(explain.findings(exc, Spec, "spec")),
            hint=f"use the release that wrote it, or correct it there: {correct}",
        ) from exc


def refusal(
    found: Iterable[Finding], *, where: str = "", path: Path | None = None, text: str = ""
) -> ConfigurationError:
    """All mistakes as one error; with the file's path each gets its line. `text` is its own, where it was read."""
    findings = tuple(found)
    if path:
        lines = yamlfile.lines(text or yamlfile.text_of(path))
        findings = tuple(dataclasses.replace(one, line=_line(one.path, lines)) for one in findings)
    many = "one mistake" if len(findings) == 1 else f"{len(findings)} mistakes"
    return ConfigurationError(
        f"the ClusterConfiguration has {many}",
        where=str(path or where),
        hint="correct what these lines name",
        findings=findings,
    )


def dump(configuration: Configuration) -> dict[str, Any]:
    """The spec as its user wrote it, no default added: what server-side apply shall own."""
    return configuration.spec.model_dump(mode="json", by_alias=True, exclude_unset=True)


def resource(configuration: Configuration) -> dict[str, Any]:
    """The whole resource for server-side apply."""
    return {
        "apiVersion": API_VERSION,
        "kind": KIND,
        "metadata": {"name": configuration.name, "namespace": configuration.namespace},
        "spec": dump(configuration),
    }


def _configuration(spec: Spec, name: str, namespace: str, generation: int) -> Configuration:
    hosts = merge.resolve(spec.hosts) if spec.hosts else ()
    return Configuration(name=name, namespace=namespace, generation=generation, spec=spec, hosts=hosts)


def _spec(value: Any) -> tuple[Spec | None, list[Finding]]:
    """The typed spec and its findings; fields first, then what they mean together."""
    if not isinstance(value, Mapping):
        code = FindingCode.MISSING_FIELD if value is None else FindingCode.WRONG_TYPE
        problem = "is missing" if value is None else f"is {kind_of(value)}"
        return None, [Finding("spec", problem, expected="a map", code=code)]
    if beyond := list(unstorable(value, "spec")):
        return None, beyond
    nothing = list(_nulls(value, "spec"))
    empty = {one.path for one in nothing}
    try:
        spec = Spec.model_validate_json(json.dumps(as_stored(value)), strict=True)
    except ValidationError as exc:
        rest = [one for one in explain.findings(exc, Spec, "spec") if one.path not in empty]
        return None, [*nothing, *rest]
    return spec, nothing or list(semantics.spec_findings(spec))


def _nulls(value: Any, path: str) -> Iterator[Finding]:
    """Keys without value: the API server refuses or drops them, so a file with them is not what it seems."""
    if value is None:
        yield Finding(path, "has no value", expected="a value, or no such key", code=FindingCode.WRONG_TYPE)
    elif isinstance(value, Mapping):
        for key, item in value.items():
            free = key in _FREE and isinstance(item, Mapping) and not _typed(path, str(key))
            if not free:
                yield from _nulls(item, step(path, key))
    elif isinstance(value, list):
        for index, item in enumerate(value):
            yield from _nulls(item, step(path, index))


def _typed(path: str, key: str) -> bool:
    """Whether a name that is free elsewhere is typed here: spec.kubernetes.kubelet, settings of hosts."""
    return path == "spec.kubernetes" or (key == "settings" and path.startswith("spec.hosts."))


def _envelope(document: Mapping[str, Any]) -> Iterator[Finding]:
    for key in document:
        if key not in _TOP:
            hint = explain.nearest(str(key), _TOP)
            yield Finding(
                str(key),
                "there is no such field",
                expected=f"one of {', '.join(_TOP)}",
                hint=hint,
                code=FindingCode.UNKNOWN_FIELD,
            )
    for key, wanted in (("apiVersion", API_VERSION), ("kind", KIND)):
        if document.get(key) != wanted:
            is_ours = key == "apiVersion" and str(document.get(key, "")).startswith(API_GROUP)
            hint = "this release of Slipway cannot read that version" if is_ours else ""
            yield Finding(
                key, f"is {document.get(key)!r}", expected=wanted, hint=hint, code=FindingCode.BAD_VALUE
            )
    yield from _metadata(document.get("metadata"))


def _metadata(metadata: Any) -> Iterator[Finding]:
    if not isinstance(metadata, Mapping):
        yield Finding(
            "metadata",
            f"is {kind_of(metadata)}",
            expected="a map with a name",
            code=FindingCode.MISSING_FIELD,
        )
        return
    for key in metadata:
        if key not in _METADATA:
            hint = explain.nearest(str(key), _METADATA)
            yield Finding(
                step("metadata", key),
                "there is no such field",
                expected="metadata of Kubernetes",
                hint=hint,
                code=FindingCode.UNKNOWN_FIELD,
            )
    generation = metadata.get("generation")
    if generation is not None and type(generation) is not int:
        yield Finding(
            "metadata.generation",
            f"is {kind_of(generation)}",
            expected="no such key: the cluster counts",
            hint="",
            code=FindingCode.WRONG_TYPE,
        )
    if "name" not in metadata:
        yield Finding(
            "metadata.name", "is missing", expected="the cluster's name", code=FindingCode.MISSING_FIELD
        )
    for key in ("name", "namespace"):
        if key in metadata:
            yield from _label(metadata[key], f"metadata.{key}")
    yield from _taken(metadata.get("name"))


def _taken(name: object) -> Iterator[Finding]:
    """The one name whose Lease is not its own: whoever held it would keep all operators from their work."""
    if name == ELECTION:
        text = f"{LEASE_PREFIX}{ELECTION} is the Lease of the operators"
        yield Finding(
            "metadata.name",
            text,
            expected="another name",
            hint="name it otherwise",
            code=FindingCode.RESERVED_NAME,
        )


def _label(value: Any, path: str) -> Iterator[Finding]:
    from pydantic import TypeAdapter

    adapter: TypeAdapter[str] = TypeAdapter(Name)
    try:
        adapter.validate_python(value, strict=True)
    except ValidationError as exc:
        yield from explain.findings(exc, Spec, path)


def _line(path: str, lines: Mapping[str, int]) -> int:
    """Line of the field, or of the nearest thing around it that is in the file."""
    while path not in lines and path:
        cut = max(path.rfind("."), path.rfind("["))
        path = path[:cut] if cut > 0 else ""
    return lines.get(path, 0)
