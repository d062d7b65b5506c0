"""Modules that come with a bundle: packed, pushed, taken by whoever plans; nothing of an archive lies elsewhere."""

import io
import shutil
import tarfile
from pathlib import Path

import pytest

from slipway import catalog as catalogs
from slipway.bundle.form import manifest as manifests
from slipway.bundle.form import modulefolder
from slipway.bundle.form.writer import Writer
from slipway.bundle.ground.workshop import Workshop
from slipway.bundle.make import code
from slipway.bundle.make.builder import Builder
from slipway.bundle.site.push import push
from slipway.bundle.site.source import DirectorySource, RegistrySource
from slipway.catalog import Catalog, versions
from slipway.engine.supply.bundled import catalog_of_bundle
from slipway.errors import BundleError
from slipway.model.bundle import ArtifactKind, BundleManifest
from slipway.settings import cache_dir, data_dir
from tests.registries import Registry


def modules_at(place: Path, *names: str) -> Path:
    """A directory with copies of shipped modules."""
    for name in names:
        shutil.copytree(data_dir() / "modules" / name, place / name)
    return place


def bundle_of(directory: Path, catalog: Catalog) -> BundleManifest:
    """Of the modules' folders alone."""
    builder = Builder(versions.load(), catalog, Writer(directory), Workshop(lambda _: None))
    artifacts = [*builder.modules()]
    directory.mkdir(exist_ok=True)
    made = manifests.manifest_of(name="m", catalog=catalog.core, slipway="0", artifacts=artifacts)
    manifests.write(made, directory)
    return made


def mend(folder: Path) -> None:
    with (folder / "module.yaml").open("a", encoding="utf-8") as file:
        file.write("resources: {memory: 17Mi}\n")
    text = (folder / "module.yaml").read_text(encoding="utf-8")
    lines = [line for line in text.splitlines() if not line.startswith("resources: {cpu")]
    (folder / "module.yaml").write_text("\n".join(lines) + "\n", encoding="utf-8")


def test_a_mended_module_comes_from_the_site_registry_and_is_one_item(
    registry: Registry, cache: None, tmp_path: Path
) -> None:
    ours = modules_at(tmp_path / "ours", "welcome", "nvidia-runtime-class")
    release = catalogs.load([ours])
    first = bundle_of(tmp_path / "first", release)
    theirs = modules_at(tmp_path / "theirs", "welcome", "nvidia-runtime-class")
    mend(theirs / "welcome")
    second = bundle_of(tmp_path / "second", catalogs.load([theirs]))
    assert len({*second.artifacts} - {*first.artifacts}) == 1
    push(tmp_path / "first", registry.client())
    assert push(tmp_path / "second", registry.client()).artifacts_copied == 1

    source = RegistrySource(registry.client(), cache_dir())
    catalog = catalog_of_bundle(release, source.manifest(), source)
    assert catalog.core == release.core
    assert catalog.digest == catalogs.load([theirs]).digest
    assert [one.amount.memory for one in catalog.modules["welcome"].resources] == [17 << 20]
    assert catalog.modules["nvidia-runtime-class"] is release.modules["nvidia-runtime-class"]
    assert catalog_of_bundle(release, source.manifest(), source) is catalog


def test_an_operator_without_modules_has_those_of_the_bundle(cache: None, tmp_path: Path) -> None:
    ours = catalogs.load([modules_at(tmp_path / "ours", "welcome", "metrics-server", "operator")])
    manifest = bundle_of(tmp_path / "bundle", ours)
    (tmp_path / "none").mkdir()
    assert "modules" not in code.CARRIED
    image = catalogs.load([tmp_path / "none"])
    catalog = catalog_of_bundle(image, manifest, DirectorySource(tmp_path / "bundle"))
    assert (catalog.digest, [*catalog.modules]) == (ours.digest, [*ours.modules])


def test_what_is_the_same_is_not_fetched(cache: None, tmp_path: Path) -> None:
    release = catalogs.load([modules_at(tmp_path / "ours", "welcome")])
    manifest = bundle_of(tmp_path / "bundle", release)
    shutil.rmtree(tmp_path / "bundle" / "module")
    assert catalog_of_bundle(release, manifest, DirectorySource(tmp_path / "bundle")) is release


def test_a_folder_that_was_changed_where_it_is_kept_is_laid_out_again(cache: None, tmp_path: Path) -> None:
    theirs = catalogs.load([modules_at(tmp_path / "theirs", "welcome")])
    manifest = bundle_of(tmp_path / "bundle", theirs)
    archive = tmp_path / "bundle" / manifest.artifacts[0].path
    folder = modulefolder.laid_out(archive, "welcome", tmp_path / "kept" / "one")
    (folder / "values.yaml.j2").write_text("evil: true\n")
    (folder / "further").write_text("")
    again = modulefolder.laid_out(archive, "welcome", tmp_path / "kept" / "one")
    assert catalogs.load([again.parent]).digest == theirs.digest
    assert not (folder / "further").exists()


def _member(name: str, kind: bytes = tarfile.REGTYPE, link: str = "") -> tarfile.TarInfo:
    member = tarfile.TarInfo(name)
    member.type, member.linkname = kind, link
    return member


@pytest.mark.parametrize(
    "member",
    [
        _member("welcome/../../evil"),
        _member("/welcome/evil"),
        _member("other/module.yaml"),
        _member("welcome/.hidden"),
        _member("welcome/link", tarfile.SYMTYPE, "/etc/passwd"),
        _member("welcome/hard", tarfile.LNKTYPE, "welcome/module.yaml"),
        _member("welcome/pipe", tarfile.FIFOTYPE),
    ],
    ids=lambda member: member.name,
)
def test_an_archive_that_is_no_folder_of_that_module_is_refused(
    member: tarfile.TarInfo, tmp_path: Path
) -> None:
    with tarfile.open(tmp_path / "archive.tar.gz", "w:gz") as tar:
        tar.addfile(member, io.BytesIO(b""))
    with pytest.raises(BundleError, match="module welcome of the bundle cannot be read"):
        modulefolder.laid_out(tmp_path / "archive.tar.gz", "welcome", tmp_path / "kept" / "one")
    assert not (tmp_path / "kept").exists()


@pytest.mark.parametrize("content", [b"", b"no archive", b"\x1f\x8b\x08"], ids=["empty", "text", "cut"])
def test_what_is_no_archive_is_refused(content: bytes, tmp_path: Path) -> None:
    (tmp_path / "archive.tar.gz").write_bytes(content)
    with pytest.raises(BundleError, match="cannot be read"):
        modulefolder.laid_out(tmp_path / "archive.tar.gz", "welcome", tmp_path / "kept" / "one")


def test_a_bomb_is_refused_before_it_is_unpacked(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(modulefolder, "LIMIT", 1 << 20)
    with tarfile.open(tmp_path / "archive.tar.gz", "w:gz") as tar:
        member = tarfile.TarInfo("welcome/large")
        member.size = 2 << 20
        tar.addfile(member, io.BytesIO(bytes(2 << 20)))
    with pytest.raises(BundleError, match="larger than 1 MiB"):
        modulefolder.laid_out(tmp_path / "archive.tar.gz", "welcome", tmp_path / "kept" / "one")


def test_each_module_of_the_release_is_an_artifact_with_its_own_digest(cache: None, tmp_path: Path) -> None:
    release = catalogs.load()
    manifest = bundle_of(tmp_path / "bundle", release)
    named = {one.name: one.version for one in manifest.artifacts if one.kind is ArtifactKind.MODULE}
    assert named.keys() == release.modules.keys()
    assert all(modulefolder.is_of_folder(named[name], release.folders[name]) for name in named)
