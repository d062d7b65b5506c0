"""A bundle for measurements: a hundred images of Debian packages, whose layers are real and shared. Made once.

Forty-five are large, each a base, a runtime that several share, and an application of its own; the others add a thin
layer to a base and a runtime, as small services do.
"""

import hashlib
import json
import shutil
import subprocess
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path

from slipway.bundle.form import manifest as manifests
from slipway.bundle.form.layout import LAYOUT, OCI_MANIFEST, blob_path
from slipway.bundle.form.writer import Writer
from slipway.bundle.ground.archive import ArchiveEntry, file_digest, write_tgz
from slipway.bundle.make.images import CONFIG_TYPE, LAYER_TYPE, Blob
from slipway.model.bundle import Artifact, ArtifactKind, BundleManifest
from slipway.settings import cache_dir

BASE = ("perl-base", "libc6", "coreutils", "bash", "util-linux")
RUNTIMES = (
    "libpython3.11-stdlib",
    "openjdk-17-jre-headless",
    "libllvm15",
    "libruby3.1",
    "libnode108",
    "libgtk-3-0",
)
APPLICATIONS = (
    *("chromium", "firefox-esr", "thunderbird", "libwine", "emscripten", "racket", "coq", "librocsparse0"),
    *(
        "libyade",
        "libdeal.ii-9.4.1",
        "openstructure",
        "gmt-common",
        "opencv-doc",
        "breeze",
        "virtuoso-vad-doc",
    ),
    *("gcc-11-source", "gcc-12-source", "gcc-arm-none-eabi-source", "bluez-source", "linux-source-6.1"),
    *("texlive-lang-french", "texlive-lang-greek", "texlive-lang-japanese", "texlive-science-doc", "context"),
    *(
        "texlive-latex-base-doc",
        "texlive-bibtex-extra",
        "vtk9-doc",
        "libasio-doc",
        "sagemath-doc",
        "xrootd-doc",
    ),
    *("libpetsc-real3.18-dbg", "librados2-dbg", "ceph-mds-dbg", "librgw2-dbg", "librbd1-dbg", "ceph-mon-dbg"),
    *("retroarch-assets", "fonts-noto-cjk-extra", "openclipart-png", "hydrogen-drumkits", "axiom-doc"),
    *("flightgear-data-models", "freecol", "agda-stdlib"),
)
SMALL = 55
PLACE = cache_dir() / "bench-images"
THREADS = 2


def bundle(directory: Path, changed: str = "") -> BundleManifest:
    """Write it below a directory; `changed` is an application whose image has one more layer, as a new version has."""
    writer = Writer(directory)
    with ThreadPoolExecutor(THREADS) as pool:
        names = [*BASE, *RUNTIMES, *APPLICATIONS]
        layers = dict(zip(names, pool.map(_layer, names), strict=True))
    base = [layers[name] for name in BASE]
    artifacts = []
    for number, name in enumerate(APPLICATIONS):
        own = [_thin("changed")] if name == changed else []
        runtime = layers[RUNTIMES[number % len(RUNTIMES)]]
        artifacts.append(_image(writer, f"bench.test/large/{name}", [*base, runtime, layers[name], *own]))
    for number in range(SMALL):
        runtime = layers[RUNTIMES[number % len(RUNTIMES)]]
        artifacts.append(
            _image(writer, f"bench.test/small/service-{number}", [*base, runtime, _thin(f"service {number}")])
        )
    index = [
        {
            "mediaType": OCI_MANIFEST,
            "digest": artifact.digest,
            "size": (directory / artifact.path).stat().st_size,
            "annotations": {"org.opencontainers.image.ref.name": artifact.reference},
        }
        for artifact in artifacts
    ]
    writer.json(f"{LAYOUT}/oci-layout", {"imageLayoutVersion": "1.0.0"})
    writer.json(f"{LAYOUT}/index.json", {"schemaVersion": 2, "manifests": index})
    made = manifests.manifest_of(name="bench", catalog="", slipway="0", artifacts=artifacts)
    manifests.write(made, directory)
    writer.prune()
    return made


def remove() -> None:
    """Give the disk back."""
    shutil.rmtree(PLACE, ignore_errors=True)


def _layer(package: str) -> Path:
    """The files of a package as a layer, kept in the cache."""
    folder = PLACE / "layers"
    folder.mkdir(parents=True, exist_ok=True)
    layer = folder / f"{package}.tar.gz"
    if not layer.is_file():
        print(f"layer {package}", flush=True)
        place = folder / f".{package}"
        place.mkdir(exist_ok=True)
        # The sandbox's user may not write here; nothing is installed.
        subprocess.run(
            ["apt-get", "download", "-q", "-q", "-o", "APT::Sandbox::User=root", package],
            cwd=place,
            check=True,
        )
        [archive] = place.glob("*.deb")
        draft = layer.with_suffix(".part")
        command = f"dpkg-deb --fsys-tarfile {archive} | gzip -1n > {draft}"
        subprocess.run(["bash", "-o", "pipefail", "-c", command], check=True)
        archive.unlink()
        place.rmdir()
        draft.rename(layer)
    return layer


def _thin(text: str) -> Path:
    """A layer of one small file."""
    folder = PLACE / "layers"
    layer = folder / f"thin-{hashlib.sha256(text.encode()).hexdigest()[:12]}.tar.gz"
    if not layer.is_file():
        write_tgz(layer, [ArchiveEntry("srv/version", 0o644, data=text.encode() * 1000)])
    return layer


def _image(writer: Writer, name: str, layers: list[Path]) -> Artifact:
    described = []
    for layer in layers:
        digest, size = _known(layer)
        writer.blob(Blob(digest, size, path=layer))
        described.append({"mediaType": LAYER_TYPE, "digest": digest, "size": size})
    # What the layers are unpacked is nobody's business here; it only has to be another for each image.
    configuration = {"architecture": "amd64", "os": "linux", "config": {"Labels": {"name": name}}}
    configuration["rootfs"] = {"type": "layers", "diff_ids": [item["digest"] for item in described]}
    config = _json(writer, configuration)
    manifest = _json(
        writer,
        {
            "schemaVersion": 2,
            "mediaType": OCI_MANIFEST,
            "config": {"mediaType": CONFIG_TYPE, "digest": config.digest, "size": config.size},
            "layers": described,
        },
    )
    size = manifest.size + config.size + sum(_known(layer)[1] for layer in layers)
    path = blob_path(manifest.digest)
    return Artifact(ArtifactKind.IMAGE, name, "v1", manifest.digest, size, path=path)


def _known(layer: Path) -> tuple[str, int]:
    """Digest and size, kept beside it."""
    note = layer.with_suffix(".json")
    if not note.is_file():
        note.write_text(json.dumps([file_digest(layer), layer.stat().st_size]), encoding="utf-8")
    digest, size = json.loads(note.read_text(encoding="utf-8"))
    return digest, size


def _json(writer: Writer, data: dict[str, object]) -> Blob:
    text = json.dumps(data, sort_keys=True).encode()
    blob = Blob(f"sha256:{hashlib.sha256(text).hexdigest()}", len(text), data=text)
    writer.blob(blob)
    return blob
