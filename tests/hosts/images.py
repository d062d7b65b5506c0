"""What container runtimes are tested with: containerd as Slipway ships it, and a busybox that runs, under two names."""

import hashlib
import io
import json
import tarfile
from collections.abc import Iterator
from dataclasses import replace

from slipway.bundle.form.layout import OCI_MANIFEST, Blob, blob_path
from slipway.bundle.form.writer import Writer
from slipway.bundle.ground.archive import ArchiveEntry, file_digest, write_tgz
from slipway.bundle.ground.workshop import Workshop
from slipway.bundle.make.sources import source_directory
from slipway.catalog import versions
from slipway.model.bundle import Artifact, ArtifactKind
from tests.bare import Site

BUSYBOX = "docker.io/library/busybox:1"
PAUSE = "registry.k8s.io/pause:1"
PROGRAMS = ("containerd", "containerd-shim-runc-v2", "ctr")
APPLETS = ("sh", "sleep", "yes", "head", "cat")


def images(writer: Writer) -> Iterator[Artifact]:
    """Two names of one image that runs."""
    for reference in (BUSYBOX, PAUSE):
        yield _image(writer, reference)


def containerd_and_images(writer: Writer) -> Iterator[Artifact]:
    """And containerd."""
    yield from images(writer)
    place = source_directory("containerd", versions.load(), Workshop(lambda _text: None))
    path = "binary/containerd-1.tar.gz"
    target = writer.out / path
    target.parent.mkdir(parents=True, exist_ok=True)
    write_tgz(target, [ArchiveEntry(f"bin/{name}", 0o755, source=place / name) for name in PROGRAMS])
    digest, size = file_digest(target), target.stat().st_size
    yield Artifact(ArtifactKind.BINARY, "containerd", "1", digest, size, path=path)


def told_of_cri_dockerd(site: Site) -> Site:
    """The site, with planning told of a cri-dockerd, which cannot be had here: give the role none."""
    return told_of(site, "cri-dockerd")


def told_of(site: Site, *names: str) -> Site:
    """The site, with planning told of programs that it does not have: give their roles none."""
    told = [
        Artifact(ArtifactKind.BINARY, name, "none", "sha256:" + "0" * 64, 1, path="none") for name in names
    ]
    return replace(site, manifest=replace(site.manifest, artifacts=(*site.manifest.artifacts, *told)))


def _layer() -> bytes:
    busybox = source_directory("busybox", versions.load(), Workshop(lambda _text: None)) / "usr/bin/busybox"
    buffer = io.BytesIO()
    with tarfile.open(fileobj=buffer, mode="w") as tar:
        tar.add(busybox, "bin/busybox")
        for applet in APPLETS:
            entry = tarfile.TarInfo(f"bin/{applet}")
            entry.type, entry.linkname = tarfile.SYMTYPE, "busybox"
            tar.addfile(entry)
    return buffer.getvalue()


def _digest(data: bytes) -> str:
    return f"sha256:{hashlib.sha256(data).hexdigest()}"


def _descriptor(data: bytes, kind: str) -> dict[str, object]:
    return {"mediaType": f"application/vnd.oci.image.{kind}", "digest": _digest(data), "size": len(data)}


def _image(writer: Writer, reference: str) -> Artifact:
    layer = _layer()
    config = {
        "architecture": "amd64",
        "os": "linux",
        "config": {"Cmd": ["/bin/sleep", "100000"], "Env": ["PATH=/bin"], "Labels": {"name": reference}},
        "rootfs": {"type": "layers", "diff_ids": [_digest(layer)]},
        "history": [{"created_by": "test"}],
    }
    text = json.dumps(config).encode()
    manifest = {
        "schemaVersion": 2,
        "mediaType": OCI_MANIFEST,
        "config": _descriptor(text, "config.v1+json"),
        "layers": [_descriptor(layer, "layer.v1.tar")],
    }
    whole = json.dumps(manifest).encode()
    for data in (layer, text, whole):
        writer.blob(Blob(_digest(data), len(data), data=data))
    name, _, tag = reference.rpartition(":")
    size = len(whole) + len(text) + len(layer)
    return Artifact(ArtifactKind.IMAGE, name, tag, _digest(whole), size, path=blob_path(_digest(whole)))
