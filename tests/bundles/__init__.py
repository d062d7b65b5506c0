"""Small bundles for tests of all tiers, written by the very code that writes real ones; beside them, tests in depth."""

import hashlib
import json
import random
from collections.abc import Iterable, Mapping, Sequence
from pathlib import Path
from types import MappingProxyType

from slipway import __version__
from slipway.bundle.form import manifest as manifests
from slipway.bundle.form.delta import Delta
from slipway.bundle.form.layout import OCI_MANIFEST, Blob, blob_path, stored_manifest
from slipway.bundle.form.writer import Writer
from slipway.bundle.ground.workshop import Workshop
from slipway.bundle.make.builder import Builder
from slipway.bundle.make.indexes import ImagePart, joined
from slipway.bundle.make.installer import installer
from slipway.catalog import Catalog, versions
from slipway.model.bundle import Artifact, ArtifactKind, BundleManifest, chart_name
from slipway.model.configuration import Configuration
from slipway.model.platforms import AMD64, PLATFORMS, Platform
from slipway.planning.plan import required_images
from tests.charts import at_hand


def small_bundle(
    directory: Path,
    *,
    files: int = 3,
    size: int = 100_000,
    seed: int = 1,
    elsewhere: Mapping[str, str] = MappingProxyType({}),
) -> BundleManifest:
    """Two images that share a layer, `files` binaries and a chart; of them what is not in `elsewhere`."""
    noise = random.Random(seed)  # noqa: S311 - contents that differ, not secrets
    writer = Writer(directory, elsewhere)
    shared = noise.randbytes(size)
    artifacts = [
        named_image(writer, "registry.test/group/first:v1", [shared, noise.randbytes(size)]),
        named_image(writer, "registry.test/second:v2", [shared]),
        _file(writer, ArtifactKind.CHART, "page", noise.randbytes(1000), ".tgz"),
    ]
    artifacts += [
        _file(writer, ArtifactKind.BINARY, f"program-{number}", noise.randbytes(size))
        for number in range(files)
    ]
    manifest = manifests.manifest_of(name="small", catalog="c" * 64, slipway="0.1.0", artifacts=artifacts)
    Delta(writer.left_out).write(directory, manifest)
    manifests.write(manifest, directory)
    return manifest


def platforms_bundle(
    directory: Path,
    platforms: Iterable[Platform] = PLATFORMS,
    elsewhere: Mapping[str, str] = MappingProxyType({}),
) -> BundleManifest:
    """An image for each of these platforms, and a program; a layer and a chart are the same for all."""
    writer, parts = Writer(directory, elsewhere), []
    artifacts = [_file(writer, ArtifactKind.CHART, "page", b"chart" * 1000, ".tgz")]
    for platform in platforms:
        own = platform.name.encode()
        parts.append(
            _part(writer, "registry.test/group/tool:v1", [b"shared" * 20_000, own * 5_000], platform)
        )
        artifacts.append(_file(writer, ArtifactKind.BINARY, "program", own * 9_000, platform=platform))
    artifacts += [artifact for artifact, _ in joined(parts, writer)]
    manifest = manifests.manifest_of(name="platforms", catalog="c" * 64, slipway="0.1.0", artifacts=artifacts)
    Delta(writer.left_out).write(directory, manifest)
    manifests.write(manifest, directory)
    return manifest


def site_bundle(directory: Path, catalog: Catalog, configuration: Configuration) -> BundleManifest:
    """The real charts that everybody can get, and the real Helm; of images and other programs only names are real."""
    builder = Builder(catalog.versions, catalog, Writer(directory), Workshop(print))
    references = {*required_images(configuration, catalog)}
    references |= {image for module in catalog.modules.values() for image in module.images}
    programs = [item for item in builder.programs([catalog.versions.kubernetes]) if item[0] != "helm"]
    artifacts = [
        *(named_image(builder.writer, reference, [reference.encode()]) for reference in sorted(references)),
        *(
            _file(builder.writer, ArtifactKind.BINARY, name, name.encode(), version=version)
            for name, version in programs
        ),
        *builder.charts([name for name, module in catalog.modules.items() if at_hand(catalog, module)]),
        *builder.modules(),
        builder.binary("helm", catalog.versions.source("helm").version),
    ]
    manifest = manifests.manifest_of(name="site", catalog=catalog.core, slipway="0.1.0", artifacts=artifacts)
    manifests.write(manifest, directory)
    return manifest


def installer_bundle(directory: Path, elsewhere: Mapping[str, str] = MappingProxyType({})) -> BundleManifest:
    """Slipway itself and nothing else; of it what is not in `elsewhere`."""
    writer = Writer(directory, elsewhere)
    artifacts = [*installer(versions.load(), writer, Workshop(lambda _text: None), (AMD64,))]
    directory.mkdir(parents=True, exist_ok=True)
    manifest = manifests.manifest_of(name="installer", catalog="", slipway=__version__, artifacts=artifacts)
    Delta(writer.left_out).write(directory, manifest)
    manifests.write(manifest, directory)
    return manifest


def outline(directory: Path, catalog: Catalog, systems: Iterable[str]) -> BundleManifest:
    """The manifest alone of a bundle with all that a plan looks for; whoever asks for contents finds none."""
    release = catalog.versions.release(catalog.versions.kubernetes)
    modules = catalog.modules.values()
    references = {*release.images, *(image for module in modules for image in module.images)}
    named = [(ArtifactKind.IMAGE, *reference.rsplit(":", 1)) for reference in references]
    named += [(ArtifactKind.BINARY, name, version) for name, version in release.binaries.items()]
    named += [
        (ArtifactKind.CHART, chart_name(module.name, item.chart), "1")
        for module in modules
        for item in module.releases
    ]
    named += [(ArtifactKind.PACKAGES, system, "1") for system in systems]
    artifacts = [
        Artifact(kind, name, version, _digest(b""), 0, path=f"{kind}/{name}") for kind, name, version in named
    ]
    directory.mkdir(parents=True, exist_ok=True)
    manifest = manifests.manifest_of(
        name="outline", catalog=catalog.core, slipway=__version__, artifacts=artifacts
    )
    manifests.write(manifest, directory)
    return manifest


def _digest(data: bytes) -> str:
    return f"sha256:{hashlib.sha256(data).hexdigest()}"


def named_image(writer: Writer, reference: str, layers: Sequence[bytes] = ()) -> Artifact:
    """An image of these layers; it runs nothing."""
    return _part(writer, reference, layers, AMD64)[0]


def _part(writer: Writer, reference: str, layers: Sequence[bytes], platform: Platform) -> ImagePart:
    """An image for one platform."""
    architecture = platform.architecture
    config = json.dumps({"architecture": architecture, "os": "linux", "name": reference}).encode()
    for data in (config, *layers):
        writer.blob(Blob(_digest(data), len(data), data=data))
    text = json.dumps(
        {
            "schemaVersion": 2,
            "mediaType": OCI_MANIFEST,
            "config": _descriptor(config, "application/vnd.oci.image.config.v1+json"),
            "layers": [_descriptor(data, "application/vnd.oci.image.layer.v1.tar") for data in layers],
        }
    ).encode()
    writer.blob(Blob(_digest(text), len(text), data=text))
    name, _, tag = reference.rpartition(":")
    size = len(text) + len(config) + sum(map(len, layers))
    artifact = Artifact(
        ArtifactKind.IMAGE, name, tag, _digest(text), size, blob_path(_digest(text)), platform.name
    )
    return artifact, stored_manifest(text)


def _descriptor(data: bytes, media_type: str) -> dict[str, object]:
    return {"mediaType": media_type, "digest": _digest(data), "size": len(data)}


def _file(
    writer: Writer,
    kind: ArtifactKind,
    name: str,
    data: bytes,
    suffix: str = "",
    version: str = "1.0",
    platform: Platform = AMD64,
) -> Artifact:
    path = f"{kind}/{name}-{version}{platform.suffix}{suffix}"
    digest = _digest(data)
    if not writer.leave_out(digest):
        writer.write(path, data)
    return Artifact(kind, name, version, digest, len(data), path, platform.name)
