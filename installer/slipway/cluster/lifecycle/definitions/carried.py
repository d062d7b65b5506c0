"""What a chart carries of definitions, in either form: in its crds/ directories, and among its templates."""

import re
import tarfile
from collections.abc import Iterator
from copy import deepcopy
from dataclasses import dataclass
from pathlib import Path
from typing import Final

from slipway.cluster.lifecycle.rendered import manifests
from slipway.cluster.rest.client import Object

KIND: Final = "CustomResourceDefinition"
#: Of the chart, or of one that it has inside.
_CRDS: Final = re.compile(r"(charts/[^/]+/)*crds/")
#: An old one that Helm passes over: what has no other is made by nobody.
_IGNORED_HOOK: Final = "crd-install"
_HOOK: Final = "helm.sh/hook"
#: What generators write where a program puts the real one in later: to apply it would take that one away.
_NO_BUNDLE: Final = ("", "Cg==", "\n")
#: At the left edge, as files of definitions have it; in JSON there is none, and the file counts as one of others.
_KIND: Final = re.compile(rb"^kind:[ \t]*[\"']?(\w+)", re.MULTILINE)
#: Bytes of a file that are looked through: definitions have less.
_LARGEST: Final = 16 << 20


@dataclass(frozen=True, slots=True)
class Carried:
    """A definition of a release. `templated`: Helm applies it, too, as an object of its release."""

    content: Object
    templated: bool

    @property
    def name(self) -> str:
        """PLURAL.GROUP."""
        return str(self.content["metadata"]["name"])


def definitions_in(text: str) -> Iterator[Carried]:
    """Those in what `helm template --include-crds` prints; hooks that Helm runs itself are left to it.

    In crds/ nothing is a hook, whatever it says of itself.
    """
    for manifest in manifests(text):
        content = manifest.content
        if content.get("kind") != KIND:
            continue
        notes = (content.get("metadata") or {}).get("annotations") or {}
        apart = _CRDS.match(manifest.template) is not None
        if apart or notes.get(_HOOK, _IGNORED_HOOK) == _IGNORED_HOOK:
            templated = not apart and _HOOK not in notes
            yield Carried(_without_placeholder(dict(content)), templated)


def _without_placeholder(content: Object) -> Object:
    """The definition without a status, and without a certificate that is none."""
    content = deepcopy({key: value for key, value in content.items() if key != "status"})
    client = ((content["spec"].get("conversion") or {}).get("webhook") or {}).get("clientConfig") or {}
    if client.get("caBundle") in _NO_BUNDLE:
        del client["caBundle"]
    return content


def mentions_definitions(chart: Path) -> bool:
    """Whether a chart, a directory or an archive, may have definitions: by a word that each of them has."""
    return any(_mentions(name, content) for name, content in _files(chart))


def defines_alone(chart: Path) -> bool:
    """Whether all that a chart has in its crds/ is definitions, so that nothing of it is lost where Helm skips them.

    Of a chart that is packed inside another nobody knows.
    """
    return not any(name.endswith(".tgz") or _has_others(name, content) for name, content in _files(chart))


def _has_others(name: str, content: bytes) -> bool:
    """Whether a file of crds/ has an object that is no definition."""
    if _CRDS.match(name) is None:
        return False
    kinds = {found[1].decode() for found in _KIND.finditer(content)}
    return bool(kinds - {KIND}) or (not kinds and b"kind" in content)


def _files(chart: Path) -> Iterator[tuple[str, bytes]]:
    """Those of a chart, a directory or an archive, by their paths in it."""
    if chart.is_dir():
        found = ((path.relative_to(chart).as_posix(), path) for path in chart.rglob("*") if path.is_file())
        yield from ((name, path.read_bytes()) for name, path in found)
        return
    with tarfile.open(chart) as archive:
        for member in archive:
            file = archive.extractfile(member) if member.isfile() and member.size < _LARGEST else None
            if file:
                yield member.name.removeprefix("./").partition("/")[2], file.read()


def _mentions(name: str, content: bytes) -> bool:
    """A chart that is packed inside another is not looked into: it may."""
    return KIND.encode() in content or name.endswith(".tgz")
