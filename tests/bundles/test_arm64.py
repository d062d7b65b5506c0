"""The whole bundle for arm64, built on this machine: what lies in it, that it is of that processor, and that it runs.

QEMU translates programs one by one; no arm64 host is installed here. Debian's packages are gcc-aarch64-linux-gnu,
libc6-dev-arm64-cross and qemu-user-static.
"""

import io
import shutil
import subprocess
import sys
import tarfile
import zipfile
from collections.abc import Iterator
from pathlib import Path

import pytest

from slipway import catalog as catalogs
from slipway.api import read
from slipway.bundle.form import manifest as manifests
from slipway.bundle.form.layout import blob_path, manifest_reader, manifests_below
from slipway.bundle.make.build import build_bundle
from slipway.bundle.make.sources.debian import unpack
from slipway.bundle.verify.checks import damaged_files, missing_platforms
from slipway.model.bundle import Artifact, ArtifactKind, BundleManifest
from slipway.model.platforms import AMD64, ARM64, BY_NAME, Platform
from slipway.planning.plan import required_images
from tests.e2e.sites import BUILT

#: The first build compiles Kubernetes once more.
pytestmark = pytest.mark.timeout(7200)
SLIPWAY = str(Path(sys.executable).with_name("slipway"))
QEMU = "qemu-aarch64-static"
SYSTEMS = ("debian-12", "debian-13")
#: e_machine of ELF headers.
MACHINES = {AMD64: 62, ARM64: 183}
CLUSTER = """
apiVersion: installer.slipway.dev/v1alpha1
kind: ClusterConfiguration
metadata: {name: arm, namespace: slipway-system}
spec:
  kubernetes: {version: v1.35.4, endpoint: {address: 10.0.0.11}}
  hosts:
    defaults: {architecture: arm64}
    items: [{name: arm-01, address: 10.0.0.11, roles: [control-plane, worker]}]
"""


@pytest.fixture(scope="module")
def cluster(tmp_path_factory: pytest.TempPathFactory) -> Path:
    file = tmp_path_factory.mktemp("site") / "cluster.yaml"
    file.write_text(CLUSTER)
    return file


@pytest.fixture(scope="module")
def bundle(cluster: Path, tmp_path_factory: pytest.TempPathFactory) -> Path:
    """As the command line makes it of that ClusterConfiguration."""
    catalog, configuration = catalogs.load(), read.load(cluster)
    directory = tmp_path_factory.mktemp("arm64") / "bundle"
    build_bundle(
        catalog.versions,
        catalog,
        directory,
        kubernetes=["v1.35.4"],
        modules=BUILT,
        systems=SYSTEMS,
        platforms=configuration.platforms,
        progress=print,
    )
    return directory


@pytest.fixture(scope="module")
def manifest(bundle: Path) -> BundleManifest:
    return manifests.read(bundle)


@pytest.fixture(scope="module")
def unpacked(
    bundle: Path, manifest: BundleManifest, tmp_path_factory: pytest.TempPathFactory
) -> dict[str, Path]:
    """Directories with the programs of archives, by names of binaries."""
    found = {}
    for artifact in of_kind(manifest, ArtifactKind.BINARY):
        place = tmp_path_factory.mktemp(artifact.name)
        if tarfile.is_tarfile(bundle / artifact.path):
            extract(bundle / artifact.path, place)
        elif artifact.serves(ARM64):
            shutil.copy(bundle / artifact.path, place / artifact.name)
        found.setdefault(artifact.name, place)
    return found


def of_kind(manifest: BundleManifest, kind: ArtifactKind) -> list[Artifact]:
    return [artifact for artifact in manifest.artifacts if artifact.kind is kind]


def extract(archive: Path, place: Path) -> None:
    subprocess.run(["tar", "--extract", "--file", archive, "--directory", place], check=True)


def emulated(*argv: object, root: Path | None = None) -> str:
    """What a program of arm64 says; `root`: where it finds its loader and libraries."""
    command = [QEMU, *(["-L", root] if root else []), *argv]
    done = subprocess.run([str(word) for word in command], capture_output=True, text=True, check=False)
    assert done.returncode == 0, done.stderr
    return done.stdout + done.stderr


def elf_files(files: Iterator[tuple[str, bytes]]) -> dict[str, int]:
    """e_machine by names; all platforms here are little-endian."""
    return {name: int.from_bytes(head[18:20], "little") for name, head in files if head[:4] == b"\x7fELF"}


def heads_of_tar(stream: "io.BufferedIOBase | None", path: Path | None = None) -> Iterator[tuple[str, bytes]]:
    with tarfile.open(path, fileobj=stream) as tar:
        for member in tar:
            file = tar.extractfile(member) if member.isfile() else None
            yield member.name, file.read(20) if file else b""


def heads_of_packages(path: Path, scratch: Path) -> Iterator[tuple[str, bytes]]:
    """Of every file of every package of a repository."""
    with tarfile.open(path) as tar:
        for member in tar:
            file = tar.extractfile(member) if member.name.endswith(".deb") else None
            if file is None:
                continue
            deb, tree = scratch / "package.deb", scratch / "tree"
            deb.write_bytes(file.read())
            unpack(deb, tree, (), ())
            for found in tree.rglob("*"):
                if found.is_file() and not found.is_symlink():
                    with found.open("rb") as opened:
                        yield f"{member.name} {found.relative_to(tree)}", opened.read(20)
            shutil.rmtree(tree)


def heads_of_wheel(path: Path) -> Iterator[tuple[str, bytes]]:
    with zipfile.ZipFile(path) as archive:
        for name in archive.namelist():
            with archive.open(name) as file:
                yield name, file.read(20)


def machines(bundle: Path, artifact: Artifact, scratch: Path) -> dict[str, int]:
    """e_machine of all ELF files of an artifact that is no image."""
    path = bundle / artifact.path
    if artifact.kind is ArtifactKind.PACKAGES:
        return elf_files(heads_of_packages(path, scratch))
    if artifact.kind is ArtifactKind.WHEEL:
        return elf_files(heads_of_wheel(path))
    if tarfile.is_tarfile(path):
        return elf_files(heads_of_tar(None, path))
    with path.open("rb") as file:
        return elf_files(iter([(artifact.name, file.read(20))]))


def test_the_bundle_is_whole_and_for_arm64(bundle: Path, manifest: BundleManifest, cluster: Path) -> None:
    assert damaged_files(bundle) == []
    catalog, configuration = catalogs.load(), read.load(cluster)
    needed = required_images(configuration, catalog)
    assert set(needed) <= {image.reference for image in of_kind(manifest, ArtifactKind.IMAGE)}
    assert missing_platforms(bundle, manifest, needed, (ARM64,)) == []
    release = catalog.versions.release("v1.35.4")
    there = {artifact.name for artifact in of_kind(manifest, ArtifactKind.BINARY) if artifact.serves(ARM64)}
    assert there == set(release.binaries)
    beside = {a.name for a in of_kind(manifest, ArtifactKind.BINARY) if not a.serves(ARM64)}
    assert beside == {"helm"}
    assert [artifact.name for artifact in of_kind(manifest, ArtifactKind.PACKAGES)] == list(SYSTEMS)
    command = [SLIPWAY, "bundle", "verify", str(bundle), "-f", str(cluster)]
    done = subprocess.run(command, capture_output=True, text=True, check=False)
    assert done.returncode == 0, done.stderr


def test_every_elf_file_is_of_its_artifacts_processor(
    bundle: Path, manifest: BundleManifest, tmp_path: Path
) -> None:
    """Programs, Python's extensions, every file of every Debian package."""
    counted = dict.fromkeys(ArtifactKind, 0)
    for artifact in manifest.artifacts:
        if artifact.kind is not ArtifactKind.IMAGE:
            found = machines(bundle, artifact, tmp_path)
            wanted = MACHINES[BY_NAME[artifact.platform]]
            assert {name: number for name, number in found.items() if number != wanted} == {}, artifact.path
            counted[artifact.kind] += len(found)
    assert counted[ArtifactKind.BINARY] > 40
    assert counted[ArtifactKind.PACKAGES] > 500
    assert counted[ArtifactKind.WHEEL] > 40


def test_every_elf_file_of_images_is_of_arm64(bundle: Path, manifest: BundleManifest) -> None:
    layers: dict[str, str] = {}
    for image in of_kind(manifest, ArtifactKind.IMAGE):
        assert image.platform == ARM64.name
        for node in manifests_below(image.digest, manifest_reader(bundle)):
            layers |= {item["digest"]: image.reference for item in node.data["layers"]}
    found: dict[str, int] = {}
    for digest, reference in layers.items():
        elf = elf_files(heads_of_tar(None, bundle / blob_path(digest)))
        found |= {f"{reference} {name}": number for name, number in elf.items()}
    assert len(found) > 300
    assert {name: number for name, number in found.items() if number != MACHINES[ARM64]} == {}


def test_programs_run(unpacked: dict[str, Path]) -> None:
    said = {
        "kubelet": emulated(unpacked["kubelet"] / "kubelet", "--version"),
        "kubeadm": emulated(unpacked["kubeadm"] / "kubeadm", "version", "-o", "short"),
        "containerd": emulated(unpacked["containerd"] / "bin/containerd", "--version"),
        "registry": emulated(unpacked["registry"] / "registry", "--version"),
        "etcdctl": emulated(unpacked["etcdctl"] / "etcdctl", "version"),
    }
    assert "Kubernetes v1.35.4" in said["kubelet"]
    assert said["kubeadm"].strip() == "v1.35.4"
    assert "v2.4.2" in said["containerd"]
    assert "v3.1.2" in said["registry"]
    assert "3.6.5" in said["etcdctl"]


def test_the_python_for_hosts_runs_by_its_own_loader(unpacked: dict[str, Path]) -> None:
    """As the script in it starts it: with the libraries that it brings, and the bytecode that another one made."""
    tree = unpacked["python"] / "usr"
    script = (tree / "bin/python3").read_text()
    assert f"lib/{ARM64.triplet}" in script
    assert ARM64.loader in script
    system = tree / "lib" / ARM64.triplet
    start = [system / ARM64.loader, "--library-path", system, tree / "bin/python3.11", "-I", "-c"]
    modules = "argparse, ctypes, importlib.util, platform, sqlite3, ssl, sys"
    code = f"import {modules}; print(platform.machine(), importlib.util.MAGIC_NUMBER.hex())"
    machine, magic = emulated(*start, code).split()
    assert machine == "aarch64"
    compiled = list((tree / "lib/python3.11").rglob("*.pyc"))
    assert len(compiled) > 400
    assert {path.read_bytes()[:4].hex() for path in compiled} == {magic}


def test_the_operators_image_runs_its_code(bundle: Path, manifest: BundleManifest, tmp_path: Path) -> None:
    """Every library with parts in C is loaded, out of the layers as they are."""
    [image] = [a for a in of_kind(manifest, ArtifactKind.IMAGE) if a.name.endswith("/slipway")]
    [node] = manifests_below(image.digest, manifest_reader(bundle))
    for layer in node.data["layers"]:
        extract(bundle / blob_path(layer["digest"]), tmp_path)
    code = "import bcrypt, cryptography.hazmat.bindings._rust, nacl.bindings, pydantic_core, yaml, slipway.cli.main"
    start = ["-E", f"PYTHONPATH={tmp_path}/opt/slipway/lib", tmp_path / "usr/bin/python3.11", "-c", code]
    emulated(*start, root=tmp_path)


@pytest.mark.parametrize("system", SYSTEMS)
def test_apt_of_an_arm64_host_finds_all_that_roles_install(
    bundle: Path, manifest: BundleManifest, tmp_path: Path, system: str
) -> None:
    """On a host with nothing but its architecture: names, and all that they depend on, come from the repository."""
    [artifact] = [a for a in of_kind(manifest, ArtifactKind.PACKAGES) if a.name == system]
    assert artifact.reference.endswith("-arm64")
    (tmp_path / "repository").mkdir()
    extract(bundle / artifact.path, tmp_path / "repository")
    assert "Architectures: arm64" in (tmp_path / "repository/Release").read_text().splitlines()
    known = catalogs.load().versions.packages
    names = known.system(system).called(known.packages)
    said = apt(tmp_path, ARM64, "install", "--simulate", "-qq", *names)
    installed = {line.split()[1] for line in said.splitlines() if line.startswith("Inst ")}
    assert set(names) <= installed
    assert "libc6" in installed
    assert all("arm64]" in line or "all]" in line for line in said.splitlines() if line.startswith("Inst "))


def apt(root: Path, platform: Platform, *arguments: str) -> str:
    """apt-get of a host with this repository and no other, on which nothing is installed yet."""
    for part in ("state/lists/partial", "cache/archives/partial", "etc"):
        (root / part).mkdir(parents=True, exist_ok=True)
    (root / "state/status").touch()
    (root / "etc/sources.list").write_text(f"deb [trusted=yes] file:{root}/repository ./\n")
    settings = {
        "APT::Architecture": platform.architecture,
        "APT::Architectures": platform.architecture,
        "APT::Install-Recommends": "false",
        "APT::Sandbox::User": "",
        "Dir::Cache": root / "cache",
        "Dir::Etc::sourcelist": root / "etc/sources.list",
        "Dir::Etc::sourceparts": "/dev/null",
        "Dir::State": root / "state",
        "Dir::State::status": root / "state/status",
        "Debug::NoLocking": "true",
    }
    options = [word for name, value in settings.items() for word in ("-o", f"{name}={value}")]
    for command in (("update", "-qq"), arguments):
        done = subprocess.run(["apt-get", *options, *command], capture_output=True, text=True, check=False)
        assert done.returncode == 0, done.stderr
    return done.stdout
