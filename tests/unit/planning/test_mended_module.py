"""One module is mended: its own step, and the bundle's way into the registry. No host, no operator, no other module."""

import hashlib
import shutil
from dataclasses import replace
from pathlib import Path

import pytest

from slipway.api import read
from slipway.bundle.form import manifest as manifests
from slipway.bundle.form.modulefolder import folder_version
from slipway.catalog import Catalog, loader, shipped
from slipway.catalog.loader import with_folders
from slipway.model.bundle import Artifact, ArtifactKind, BundleManifest
from slipway.model.plan import Plan
from slipway.planning.plan import make_plan
from slipway.settings import data_dir
from tests.unit.planning import model

ENABLED = ("flannel", "local-path-provisioner", "metrics-server", "operator")


def mended(name: str, tmp_path: Path) -> Catalog:
    """The catalog in which a line was added to the values of one module."""
    folder = tmp_path / name
    shutil.copytree(model.catalog().modules[name].directory, folder)
    with (folder / "values.yaml.j2").open("a", encoding="utf-8") as file:
        file.write("\nmended: true\n")
    return with_folders(model.catalog(), [folder])


def bundle_with(catalog: Catalog, name: str) -> BundleManifest:
    """The bundle in which that module's folder is another artifact, and nothing else is."""
    module, made = catalog.modules[name], model.bundle()
    digest = f"sha256:{hashlib.sha256(module.digest.encode()).hexdigest()}"
    item = Artifact(ArtifactKind.MODULE, name, folder_version(module), digest, 1, path=f"module/{name}")
    rest = [one for one in made.artifacts if (one.kind, one.name) != (ArtifactKind.MODULE, name)]
    return manifests.manifest_of(
        name=made.name, catalog=catalog.core, slipway=made.slipway, artifacts=[*rest, item]
    )


def planned(catalog: Catalog, bundle: BundleManifest) -> Plan:
    """For a site that was installed with the module as it was."""
    document = model.base()
    return make_plan(read.parse(document), catalog, bundle, model.installed(document), document)


@pytest.mark.parametrize("name", ENABLED)
def test_one_mended_module_is_one_step(name: str, tmp_path: Path) -> None:
    catalog = mended(name, tmp_path)
    plan = planned(catalog, bundle_with(catalog, name))
    assert [step.id for step in plan.steps] == ["mirror/site/push", f"module/{name}/apply"]
    assert not plan.needs_approval or name == "operator"


def test_a_mended_module_that_is_off_is_no_step(tmp_path: Path) -> None:
    catalog = mended("welcome", tmp_path)
    assert [s.id for s in planned(catalog, bundle_with(catalog, "welcome")).steps] == ["mirror/site/push"]


def test_the_plan_names_the_catalog_that_it_was_made_with(tmp_path: Path) -> None:
    catalog = mended("metrics-server", tmp_path)
    assert catalog.core == model.catalog().core
    assert planned(catalog, model.bundle()).catalog == catalog.digest != model.catalog().digest


def test_who_has_another_folder_than_the_bundle_is_told(tmp_path: Path) -> None:
    catalog = mended("metrics-server", tmp_path)
    said = planned(catalog, bundle_with(catalog, "metrics-server")).notices
    assert any("otherwise: metrics-server;" in notice for notice in said)
    assert not any("otherwise" in notice for notice in planned(model.catalog(), model.bundle()).notices)


def test_another_core_replaces_the_operator_and_no_other_module() -> None:
    catalog = replace(model.catalog(), core="sha256:of-another-role")
    ids = [step.id for step in planned(catalog, model.bundle()).steps]
    assert ids == ["module/operator/apply"]


def test_a_role_is_of_the_core_and_a_module_is_not(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    for part in ("images", "modules", "playbooks", "plugins", "roles"):
        shutil.copytree(data_dir() / part, tmp_path / part)
    monkeypatch.setattr(loader, "data_dir", lambda: tmp_path)
    assert (loader.core_digest(), loader.digest()) == (model.catalog().core, model.catalog().digest)
    (tmp_path / "modules" / "welcome" / "values.yaml.j2").write_text("")
    assert loader.core_digest() == model.catalog().core
    assert loader.digest() != model.catalog().digest
    with next(shipped.files(tmp_path / "roles" / "node_prepare")).open("a") as file:
        file.write("\n")
    assert loader.core_digest() != model.catalog().core
