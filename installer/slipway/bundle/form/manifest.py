"""bundle.yaml: reads, writes and names a bundle's manifest. Format and fields: docs/reference/bundle.md."""

from collections.abc import Iterable
from pathlib import Path
from typing import Any, Final

from slipway import yamltext
from slipway.bundle.form import names
from slipway.digests import json_digest
from slipway.errors import BundleError
from slipway.landing import land
from slipway.model.bundle import BUNDLE_FORMAT, Artifact, ArtifactKind, BundleManifest
from slipway.model.platforms import AMD64
from slipway.smallfiles import bytes_of

FILE: Final = names.MANIFEST
SIGNATURE: Final = names.SIGNATURE

#: Fields that are left out of the file when they have their default.
_OPTIONAL = {"platform": AMD64.name, "origin": "", "contents": "", "licence": "", "path": "", "unread": False}


def manifest_of(
    *, name: str, catalog: str, slipway: str, artifacts: Iterable[Artifact], kubernetes: Iterable[str] = ()
) -> BundleManifest:
    """A manifest with its digest; artifacts in their canonical order."""
    versions = tuple(kubernetes)
    ordered = tuple(sorted(artifacts, key=lambda item: (item.kind, item.name, item.version, item.platform)))
    body = _body(name, catalog, slipway, ordered, versions)
    return BundleManifest(name, json_digest(body, escaped=True), catalog, slipway, ordered, versions)


def dump(manifest: BundleManifest) -> bytes:
    """The text of bundle.yaml."""
    body = _body(manifest.name, manifest.catalog, manifest.slipway, manifest.artifacts, manifest.kubernetes)
    data = {"format": BUNDLE_FORMAT, "digest": manifest.digest, **body}
    return yamltext.dump(data).encode()


def parse(text: bytes, where: str) -> BundleManifest:
    """A manifest from its text; BundleError when it is of a newer format, or was edited."""
    try:
        data = yamltext.load(text)
        _check_format(data["format"], where)
        manifest = manifest_of(
            name=data["name"],
            catalog=data["catalog"],
            slipway=data["slipway"],
            artifacts=[_artifact(item) for item in data["artifacts"]],
            kubernetes=data.get("kubernetes", ()),
        )
        stated = data["digest"]
        _check_names(manifest)
    except (KeyError, TypeError, ValueError) as exc:
        why = f"{type(exc).__name__}: {exc}"
        raise BundleError("this is no bundle manifest", where=where, why=why, hint=_REBUILD) from exc
    if manifest.digest != stated:
        why = f"its contents have the digest {manifest.digest}, it says {stated}"
        raise BundleError("the bundle manifest was changed", where=where, why=why, hint=_REBUILD)
    return manifest


def read(directory: Path) -> BundleManifest:
    """The manifest of a bundle directory."""
    file = directory / FILE
    try:
        text = bytes_of(file)
    except OSError as exc:
        why = exc.strerror or str(exc)
        raise BundleError(
            "there is no complete bundle here", where=str(file), why=why, hint=_REBUILD
        ) from exc
    return parse(text, str(file))


def write(manifest: BundleManifest, directory: Path) -> None:
    """Write it by rename: a bundle.yaml that exists belongs to a bundle that is complete.

    A signature of what was there before goes.
    """
    text, target = dump(manifest), directory / FILE
    if not target.is_file() or target.read_bytes() != text:
        (directory / SIGNATURE).unlink(missing_ok=True)
    land(target, text)


_REBUILD = "build it: slipway bundle build -f cluster.yaml -o DIR"


def _check_format(found: object, where: str) -> None:
    if found != BUNDLE_FORMAT:
        raise BundleError(
            f"the bundle has format {found!r}, this Slipway reads {BUNDLE_FORMAT}",
            where=where,
            hint="use the Slipway that the bundle was built with",
        )


def _body(
    name: str, catalog: str, slipway: str, artifacts: Iterable[Artifact], kubernetes: tuple[str, ...]
) -> dict[str, Any]:
    items = [_item(artifact) for artifact in artifacts]
    versions = {"kubernetes": list(kubernetes)} if kubernetes else {}
    return {"name": name, "catalog": catalog, "slipway": slipway, **versions, "artifacts": items}


def _item(artifact: Artifact) -> dict[str, Any]:
    item: dict[str, Any] = {
        "kind": str(artifact.kind),
        "name": artifact.name,
        "version": artifact.version,
        "digest": artifact.digest,
        "size": artifact.size,
    }
    names_of = ("path", "platform", "origin", "contents", "licence", "unread")
    optional = {name: getattr(artifact, name) for name in names_of}
    return item | {name: value for name, value in optional.items() if value != _OPTIONAL[name]}


def _artifact(item: dict[str, Any]) -> Artifact:
    """One item; ValueError where no bundle has such a one."""
    artifact = Artifact(**{**item, "kind": ArtifactKind(item["kind"])})
    if problem := names.artifact_problem(artifact):
        raise ValueError(problem)
    return artifact


def _check_names(manifest: BundleManifest) -> None:
    """ValueError where the bundle's own names are none, or one file is to be two."""
    wrong = [name for name in (manifest.name, *manifest.kubernetes) if not names.is_plain(name)]
    if wrong:
        raise ValueError(f"{wrong[0]!r} is no name of a bundle or version")
    digests: dict[str, str] = {}
    for artifact in manifest.artifacts:
        if artifact.path and digests.setdefault(artifact.path, artifact.digest) != artifact.digest:
            raise ValueError(f"{artifact.path!r} has two digests")
