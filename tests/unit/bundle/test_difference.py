"""What one bundle has that another has not."""

from pathlib import Path

from typer.testing import CliRunner

from slipway.bundle.form import manifest as manifests
from slipway.bundle.verify.difference import difference
from slipway.cli.bundle import app
from slipway.model.bundle import Artifact, ArtifactKind, BundleManifest


def artifact(name: str, version: str, digest: str, kind: ArtifactKind = ArtifactKind.BINARY) -> Artifact:
    return Artifact(kind, name, version, f"sha256:{digest * 64}", 1 << 20, path=f"{kind}/{name}-{version}")


def bundle(*artifacts: Artifact) -> BundleManifest:
    return manifests.manifest_of(name="b", catalog="c", slipway="1", artifacts=artifacts)


KUBELET, NEWER = artifact("kubelet", "v1", "a"), artifact("kubelet", "v2", "b")


def test_a_lone_artifact_of_another_version_is_a_change() -> None:
    found = difference(bundle(KUBELET), bundle(NEWER))
    assert [(one.before, one.after) for one in found.changed] == [(KUBELET, NEWER)]
    assert (found.added, found.removed) == ((), ())


def test_a_version_that_comes_beside_another_is_added() -> None:
    found = difference(bundle(KUBELET), bundle(KUBELET, NEWER))
    assert (found.added, found.removed, found.changed) == ((NEWER,), (), ())
    back = difference(bundle(KUBELET, NEWER), bundle(KUBELET))
    assert (back.added, back.removed, back.changed) == ((), (NEWER,), ())


def test_the_same_version_with_other_contents_is_a_change() -> None:
    rebuilt = artifact("kubelet", "v1", "c")
    (one,) = difference(bundle(KUBELET, NEWER), bundle(rebuilt, NEWER)).changed
    assert (one.before, one.after) == (KUBELET, rebuilt)


def test_a_chart_and_a_program_of_one_name_are_two_things() -> None:
    chart = artifact("kubelet", "v1", "a", ArtifactKind.CHART)
    found = difference(bundle(KUBELET), bundle(chart))
    assert (found.added, found.removed, found.changed) == ((chart,), (KUBELET,), ())


def test_as_people_see_it(tmp_path: Path) -> None:
    extra = artifact("runc", "v1", "d")
    for name, made in (("a", bundle(KUBELET)), ("b", bundle(NEWER, extra))):
        (tmp_path / name).mkdir()
        manifests.write(made, tmp_path / name)
    shown = CliRunner().invoke(app, ["diff", str(tmp_path / "a"), str(tmp_path / "b")]).stdout
    lines = [line.split() for line in shown.splitlines()]
    assert ["~", "binary", "kubelet", "v1", "->", "v2", "1.0"] in lines
    assert ["+", "binary", "runc:v1", "1.0"] in lines
    same = CliRunner().invoke(app, ["diff", str(tmp_path / "a"), str(tmp_path / "a")]).stdout
    assert same == "the same\n"
