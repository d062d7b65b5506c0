"""Modules of a site's own: from a directory into the bundle, or packed and pushed to a real registry by a digest."""

import json
import shutil
import subprocess
import sys
from collections.abc import Iterator, Mapping
from dataclasses import replace
from pathlib import Path
from typing import Any

import pytest
import yaml

from slipway import catalog as catalogs
from slipway.bundle.form import manifest as manifests
from slipway.bundle.form.writer import Writer
from slipway.bundle.ground.workshop import Workshop
from slipway.bundle.make.builder import Builder
from slipway.bundle.make.pack import build_pack
from slipway.bundle.site.packs import KEPT, Pack, contents_of, home_of, pack_at
from slipway.bundle.site.push import push
from slipway.bundle.site.source import RegistrySource, SiteSource
from slipway.bundle.site.sweep import sweep_of
from slipway.bundle.verify.signing import keygen, sign
from slipway.catalog import versions
from slipway.catalog.versions import Versions
from slipway.cli.catalog import site_of as site_of_file
from slipway.engine.context import open_context
from slipway.engine.prepare import keep_manifest
from slipway.engine.supply.offered import catalog_of_site
from slipway.engine.supply.sourced import pack_findings
from slipway.engine.supply.taking import take_modules
from slipway.errors import BundleError, ConfigurationError, Finding
from slipway.findings import FindingCode
from slipway.model.bundle import Artifact, ArtifactKind, BundleManifest
from slipway.model.modulesources import ModuleSource
from slipway.settings import cache_dir
from tests.api.working import write_module
from tests.bundles import small_bundle
from tests.registries import Registry, running_registry
from tests.tiny import PINS, tiny_modules

CORE = catalogs.load([]).core


def packed(place: Path, *names: str) -> BundleManifest:
    """Modules of these names in place/modules, and their pack in place/pack."""
    for name in names:
        write_module(place / "modules" / name)
    catalog = catalogs.load_beside({"own": ModuleSource(directory="modules")}, place / "cluster.yaml")
    return build_pack(catalog, names, place / "pack", progress=lambda _: None)


def site_of(registry: Registry) -> SiteSource:
    return SiteSource([RegistrySource(registry.client(), cache_dir())])


def nobody() -> SiteSource:
    raise AssertionError("the registry was asked")


def site_bundle(place: Path, *names: str) -> BundleManifest:
    """A bundle of modules' folders alone, as this release builds it."""
    for name in names:
        write_module(place / "shipped" / name)
    catalog = catalogs.load([place / "shipped"])
    builder = Builder(versions.load(), catalog, Writer(place / "bundle"), Workshop(lambda _: None))
    items = [*builder.modules()]
    (place / "bundle").mkdir(exist_ok=True)
    made = manifests.manifest_of(name="site", catalog=CORE, slipway="0", artifacts=items)
    manifests.write(made, place / "bundle")
    return made


def cluster_yaml(place: Path, registry: Registry, spec: Mapping[str, Any]) -> Path:
    """Modules only, with a registry of its own; its secrets beside it."""
    secrets = place / "secrets" / "registry"
    secrets.mkdir(parents=True, exist_ok=True)
    secrets.parent.chmod(0o700)
    (secrets / "ca").write_bytes(registry.ca.read_bytes())
    (secrets / "account").write_text(f"{registry.username}:{registry.password}")
    for file in secrets.iterdir():
        file.chmod(0o600)
    account = {"name": "registry", "key": "account"}
    external = {
        "mode": "external",
        "endpoint": registry.url,
        "caRef": {"name": "registry", "key": "ca"},
        "pullRef": account,
        "pushRef": account,
    }
    document = {
        "apiVersion": "installer.slipway.dev/v1alpha1",
        "kind": "ClusterConfiguration",
        "metadata": {"name": "tools", "namespace": "slipway-system"},
        "spec": {"registry": external, **spec},
    }
    (place / "cluster.yaml").write_text(yaml.safe_dump(document))
    return place / "cluster.yaml"


def slipway(*arguments: str | Path) -> "subprocess.CompletedProcess[str]":
    program = Path(sys.executable).with_name("slipway")
    return subprocess.run([program, *arguments], capture_output=True, text=True, check=False)


@pytest.fixture
def local_registry(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Iterator[Registry]:
    """By a name that this machine resolves, for programs that nobody tells the address."""
    with running_registry(tmp_path / "registry", tmp_path / "data", name="localhost") as running:
        monkeypatch.setenv("SLIPWAY_CACHE", str(tmp_path / "cache"))
        cache_dir.cache_clear()
        yield running
        cache_dir.cache_clear()


def test_modules_are_packed_pushed_named_and_taken(local_registry: Registry, tmp_path: Path) -> None:
    site_bundle(tmp_path, "shipped")
    push(tmp_path / "bundle", local_registry.client())
    for name in ("mine", "other"):
        write_module(tmp_path / "modules" / name)
    file = cluster_yaml(tmp_path, local_registry, {})
    made = slipway("catalog", "pack", tmp_path / "modules", "-o", tmp_path / "pack")
    assert made.returncode == 0, made.stderr
    pushed = slipway("catalog", "push", tmp_path / "pack", "--name", "team-a", "-f", file, "-o", "json")
    assert pushed.returncode == 0, pushed.stderr
    told = json.loads(pushed.stdout)
    assert told["modules"] == ["mine", "other"]

    sources = {"team-a": {"digest": told["digest"]}}
    spec = {"moduleSources": sources, "modules": {"mine": {"enabled": True}}}
    context = open_context(cluster_yaml(tmp_path, local_registry, spec))
    take_modules(context)
    assert context.catalog.selection(context.configuration)["mine"].enabled
    chart = context.manifest.chart("mine", "mine")
    assert chart
    assert context.path(chart).read_bytes() == (tmp_path / "pack" / chart.path).read_bytes()
    assert chart not in context.manifest.artifacts
    assert {"mine", "other", "shipped"} <= catalog_of_site(file).modules.keys()


def test_what_a_site_had_is_known_while_its_registry_is_away(
    local_registry: Registry, tmp_path: Path
) -> None:
    site_bundle(tmp_path, "shipped")
    packed(tmp_path, "mine")
    on = {name: {"enabled": True} for name in ("mine", "shipped")}
    with running_registry(tmp_path / "files", tmp_path / "here", name="localhost") as running:
        push(tmp_path / "bundle", running.client())
        digest = push(tmp_path / "pack", running.client(), home=home_of("own")).manifest
        spec = {"moduleSources": {"own": {"digest": digest}}, "modules": on}
        file = cluster_yaml(tmp_path, running, spec)
        context = open_context(file)
        take_modules(context)
        keep_manifest(context)
    again = open_context(file)  # the ClusterConfiguration is as right as before
    assert again.configuration.spec.modules.keys() == on.keys()
    assert catalog_of_site(file).modules.keys() >= on.keys()


@pytest.mark.parametrize("named", [True, False])
def test_a_module_of_a_pack_is_no_mistake_where_no_registry_is_asked(named: bool, tmp_path: Path) -> None:
    sources = {"moduleSources": {"own": {"digest": f"sha256:{'1' * 64}"}}} if named else {}
    registry = {"mode": "external", "endpoint": "https://registry.example.org"}
    spec = {"registry": registry, "modules": {"mine": {"enabled": True}}, **sources}
    meta = {"name": "tools", "namespace": "slipway-system"}
    kind = {"apiVersion": "installer.slipway.dev/v1alpha1", "kind": "ClusterConfiguration"}
    (tmp_path / "cluster.yaml").write_text(yaml.safe_dump({**kind, "metadata": meta, "spec": spec}))
    if named:
        assert site_of_file(tmp_path / "cluster.yaml").name == "tools"
        return
    with pytest.raises(ConfigurationError, match="mine"):
        site_of_file(tmp_path / "cluster.yaml")


def test_images_of_a_pack_are_in_the_registry_under_their_own_names(
    registry: Registry, cache: None, tmp_path: Path
) -> None:
    catalog = replace(catalogs.load([tiny_modules(tmp_path)]), versions=Versions.model_validate(PINS))
    made = build_pack(catalog, ["small"], tmp_path / "pack", progress=lambda _: None)
    assert [one.kind for one in made.artifacts] == [
        ArtifactKind.CHART,
        ArtifactKind.IMAGE,
        ArtifactKind.MODULE,
    ]
    push(tmp_path / "pack", registry.client(), home=home_of("own"))
    (pause,) = [one for one in made.artifacts if one.kind is ArtifactKind.IMAGE]
    assert registry.client().head_manifest("registry.test/pause", "1") == pause.digest


def test_a_pack_with_a_module_that_the_site_has_is_not_pushed(
    local_registry: Registry, tmp_path: Path
) -> None:
    site_bundle(tmp_path, "shipped")
    push(tmp_path / "bundle", local_registry.client())
    packed(tmp_path / "theirs", "shipped", "more")
    file = cluster_yaml(tmp_path, local_registry, {})
    refused = slipway("catalog", "push", tmp_path / "theirs" / "pack", "--name", "team-a", "-f", file)
    assert refused.returncode != 0
    assert (
        "has a module shipped, which the release, the bundle or another source has already" in refused.stderr
    )
    assert local_registry.client().tags(home_of("team-a").repository) == ()


def test_a_name_of_the_release_is_refused_when_it_is_packed(tmp_path: Path) -> None:
    shutil.copytree(catalogs.load().modules["welcome"].directory, tmp_path / "modules" / "welcome")
    refused = slipway("catalog", "pack", tmp_path / "modules", "-o", tmp_path / "pack")
    assert refused.returncode != 0
    assert "two modules are named welcome" in refused.stderr
    assert not (tmp_path / "pack").exists()


def test_what_was_read_once_is_read_without_the_registry(
    registry: Registry, cache: None, tmp_path: Path
) -> None:
    packed(tmp_path, "mine")
    digest = push(tmp_path / "pack", registry.client(), home=home_of("own")).manifest
    site = site_of(registry)
    first = pack_at(lambda: site, "own", digest, ())
    assert pack_at(nobody, "own", digest, ()) == first
    for kept in (cache_dir() / KEPT).iterdir():
        kept.write_bytes(b"{}")
    assert pack_at(lambda: site, "own", digest, ()) == first


def test_another_content_is_another_digest_and_the_former_one_stays(
    registry: Registry, cache: None, tmp_path: Path
) -> None:
    packed(tmp_path / "one", "mine")
    first = push(tmp_path / "one" / "pack", registry.client(), home=home_of("own")).manifest
    write_module(tmp_path / "two" / "modules" / "mine")
    (tmp_path / "two" / "modules" / "mine" / "values.yaml.j2").write_text("node: here\n")
    catalog = catalogs.load_beside({"own": ModuleSource(directory="modules")}, tmp_path / "two" / "c.yaml")
    build_pack(catalog, ["mine"], tmp_path / "two" / "pack", progress=lambda _: None)
    receipt = push(tmp_path / "two" / "pack", registry.client(), home=home_of("own"))
    assert receipt.manifest != first
    assert receipt.artifacts_copied == 1  # its folder: the chart is the same
    site = site_of(registry)
    old, new = (pack_at(lambda: site, "own", one, ()) for one in (first, receipt.manifest))
    paths = [site.path(one) for one in (*contents_of([old]), *contents_of([new]))]
    assert len({path.read_bytes() for path in paths}) == 3


def test_a_digest_that_nobody_pushed_is_named(registry: Registry, cache: None, tmp_path: Path) -> None:
    with pytest.raises(BundleError, match="the modules of source own cannot be had") as refused:
        pack_at(lambda: site_of(registry), "own", f"sha256:{'1' * 64}", ())
    assert "slipway catalog push DIR --name own" in refused.value.hint


def test_with_trusted_keys_a_pack_is_signed(registry: Registry, cache: None, tmp_path: Path) -> None:
    packed(tmp_path, "mine")
    trusted, other = (keygen(tmp_path / name, name) for name in ("key", "other"))
    unsigned = push(tmp_path / "pack", registry.client(), home=home_of("own")).manifest
    sign(tmp_path / "pack", tmp_path / "key", 1)
    signed = push(tmp_path / "pack", registry.client(), home=home_of("own")).manifest
    site = site_of(registry)
    assert pack_at(lambda: site, "own", signed, [trusted]).source == "own"
    for digest, keys in ((unsigned, [trusted]), (signed, [other])):
        with pytest.raises(BundleError, match="not signed"):
            pack_at(lambda: site, "own", digest, keys)


def image(name: str, version: str, digit: str) -> Artifact:
    return Artifact(ArtifactKind.IMAGE, name, version, f"sha256:{digit * 64}", 1)


def findings_for(mine: Artifact, *theirs: Artifact, others: tuple[Artifact, ...] = ()) -> list[Finding]:
    def made(*items: Artifact) -> BundleManifest:
        return manifests.manifest_of(name="n", catalog=CORE, slipway="0", artifacts=items)

    beside = [Pack("theirs", made(*others))]
    return pack_findings(Pack("own", made(mine)), catalogs.load([]), made(*theirs), beside)


def test_an_image_of_the_site_is_not_replaced_and_one_that_no_host_would_get_is_told() -> None:
    known, mine = image("docker.io/library/a", "1", "1"), image("docker.io/library/b", "1", "2")
    assert findings_for(mine, known) == findings_for(known, known) == []
    (moved,) = findings_for(image("docker.io/library/a", "1", "3"), known)
    assert moved.code is FindingCode.OTHER_IMAGE
    (clash,) = findings_for(image("docker.io/library/b", "1", "3"), known, others=(mine,))
    assert clash.code is FindingCode.OTHER_IMAGE
    (unasked,) = findings_for(image("quay.io/c", "1", "3"), known)
    assert unasked.code is FindingCode.MISSING_IMAGE
    assert "no host asks the site registry for images of quay.io" in str(unasked)


def test_what_a_pack_has_stays_when_former_bundles_go(
    registry: Registry, cache: None, tmp_path: Path
) -> None:
    former = small_bundle(tmp_path / "former", files=1)
    push(tmp_path / "former", registry.client())
    small_bundle(tmp_path / "current", files=0, seed=2)
    push(tmp_path / "current", registry.client())
    (theirs,) = [one for one in former.artifacts if one.kind is ArtifactKind.BINARY]
    gone = sweep_of(registry.client()).artifacts
    assert f"binary {theirs.reference}" in gone
    assert set(gone) - set(sweep_of(registry.client(), (), [theirs]).artifacts) == {
        f"binary {theirs.reference}"
    }


def test_a_directory_of_a_site_is_in_its_catalog_and_in_its_bundle(tmp_path: Path) -> None:
    write_module(tmp_path / "ours" / "mine")
    (tmp_path / "ours" / "broken").mkdir()
    (tmp_path / "ours" / "broken" / "module.yaml").write_text("name: broken\n")
    catalog = catalogs.load_beside({"own": ModuleSource(directory="ours")}, tmp_path / "cluster.yaml")
    assert catalog.core == catalogs.load().core
    assert catalog.modules.keys() == {*catalogs.load().modules, "mine"}
    with pytest.raises(ConfigurationError, match="has 2 mistakes"):
        catalog.named("broken")
    builder = Builder(catalog.versions, catalog, Writer(tmp_path / "out"), Workshop(lambda _: None))
    assert "mine" in {artifact.name for artifact in builder.modules()}


@pytest.mark.parametrize("directory", ["nothing", "."])
def test_a_directory_without_modules_is_named(directory: str, tmp_path: Path) -> None:
    with pytest.raises(ConfigurationError, match="module source own has no module"):
        catalogs.load_beside({"own": ModuleSource(directory=directory)}, tmp_path / "cluster.yaml")


def test_a_directory_with_a_name_of_the_release_is_refused(tmp_path: Path) -> None:
    write_module(tmp_path / "ours" / "welcome")
    with pytest.raises(ConfigurationError, match="two modules are named welcome"):
        catalogs.load_beside({"own": ModuleSource(directory="ours")}, tmp_path / "cluster.yaml")


def test_manifests_beside_a_bundle_are_in_no_file(tmp_path: Path) -> None:
    made = small_bundle(tmp_path / "bundle")
    more = replace(made, beside=(image("docker.io/x", "1", "1"),))
    assert manifests.dump(more) == manifests.dump(made)
    assert more.find(ArtifactKind.IMAGE, "docker.io/x")
