"""A module whose chart is at a repository: locked there, rendered, carried by a bundle; and never taken on trust."""

import hashlib
import shutil
from collections.abc import Iterator
from dataclasses import replace
from pathlib import Path

import pytest
import yaml

from slipway import catalog
from slipway.bundle.ground.workshop import Workshop
from slipway.bundle.locks.downloading import Ways
from slipway.bundle.locks.downloads import Download, DownloadKind, Downloads
from slipway.bundle.make.build import build_bundle
from slipway.bundle.make.official import OfficialFiles
from slipway.bundle.registry.upstream import Upstreams
from slipway.bundle.registry.web import Web
from slipway.catalog.chartvalues.findings import value_findings
from slipway.catalog.folder.reading import lock_of
from slipway.catalog.folder.skeleton import write_skeleton
from slipway.catalog.versions import Versions
from slipway.cluster.lifecycle.helm import Helm
from slipway.engine.enquiry.images import built_charts, checked_modules
from slipway.engine.enquiry.linted import linted_modules
from slipway.engine.errands.locking import ModuleLocker, write_lock
from slipway.errors import WARNING, BundleError, ConfigurationError
from slipway.model.bundle import BundleManifest
from slipway.model.configuration import Configuration, Spec
from slipway.settings import cache_dir
from tests.fileservers import FileServer, file_server, packed
from tests.tiny import PINS

POD = """\
apiVersion: v1
kind: Pod
metadata: {name: page}
spec: {containers: [{name: page, image: "{{ .Values.image }}"}]}
"""
DEFINITION = """\
apiVersion: apiextensions.k8s.io/v1
kind: CustomResourceDefinition
metadata: {name: pages.example.org}
"""


def page(pod: str = POD) -> bytes:
    files = {
        "page/Chart.yaml": "apiVersion: v2\nname: page\nversion: 1.2.3\n",
        "page/values.yaml": "image: ''\n",
        "page/templates/pod.yaml": pod,
        "page/crds/page.yaml": DEFINITION,
    }
    return packed({name: text.encode() for name, text in files.items()})


@pytest.fixture(scope="module")
def helm() -> Helm:
    return built_charts(catalog.load(), Workshop(lambda _text: None))[1]


@pytest.fixture
def repository() -> Iterator[FileServer]:
    with file_server() as server:
        offer(server, page())
        yield server


def offer(server: FileServer, chart: bytes, digest: str | None = None, place: str = "charts") -> None:
    """Serve a repository that has this chart, and says this digest of it."""
    url, sha256 = server.put(f"/{place}/page-1.2.3.tgz", chart)
    entry = {
        "name": "page",
        "version": "1.2.3",
        "urls": [url],
        "digest": sha256 if digest is None else digest,
    }
    server.put(
        f"/{place}/index.yaml", yaml.safe_dump({"apiVersion": "v1", "entries": {"page": [entry]}}).encode()
    )


@pytest.fixture
def modules(tmp_path: Path, repository: FileServer) -> Path:
    """A directory with one module, of which nobody has read anything yet."""
    root = tmp_path / "modules"
    root.mkdir()
    write_skeleton(root, "page")
    file = root / "page" / "module.yaml"
    module = yaml.safe_load(file.read_text())
    module["releases"][0].pop("chartDir")
    module["releases"][0] |= {"repository": f"{repository.url}/charts", "version": "1.2.3"}
    file.write_text(yaml.safe_dump(module | {"requires": []}))
    return root


def locked(modules: Path, helm: Helm, cache: Path, *, name: str = "page", accept: bool = False) -> Path:
    found = catalog.load([modules])
    ways = Ways(Web(accounts={}, pauses=(0.0, 0.01)), Upstreams(accounts={}))
    workshop = Workshop(lambda _text: None, cache)
    locker = ModuleLocker(found, helm, ways, workshop, "2026-11-30", lambda _tally: None)
    return write_lock(found.modules[name], locker.locked(found.modules[name], accept=accept))


def built(modules: Path, out: Path, lock: Downloads | None = None) -> BundleManifest:
    pins, options = Versions.model_validate(PINS), {"kubernetes": ("v1.0.0",), "systems": ()}
    found = catalog.load([modules])
    found = replace(found, modules={name: replace(one, images=()) for name, one in found.modules.items()})
    files = OfficialFiles(lock=lock or Downloads(), web=Web(accounts={}, pauses=(0.0, 0.01)))
    return build_bundle(
        pins, found, out, modules=found.modules, files=files, progress=lambda _text: None, **options
    )


@pytest.fixture
def own_cache(tmp_path: Path, helm: Helm, monkeypatch: pytest.MonkeyPatch) -> Iterator[None]:
    """Nothing of it stays with the machine; Helm was built before."""
    del helm
    monkeypatch.setenv("SLIPWAY_CACHE", str(tmp_path / "cache"))
    cache_dir.cache_clear()
    yield
    cache_dir.cache_clear()


@pytest.mark.usefixtures("own_cache")
def test_from_a_repository_into_a_bundle(
    tmp_path: Path, modules: Path, repository: FileServer, helm: Helm
) -> None:
    (finding,) = linted_modules(catalog.load([modules]), ())["page"]
    assert (finding.path, finding.hint) == ("module.yaml: releases[0]", "slipway catalog lock page")
    with pytest.raises(BundleError, match="on trust alone"):
        built(modules, tmp_path / "unlocked")

    file = locked(modules, helm, tmp_path / "cache")
    written = yaml.safe_load(file.read_text())
    (chart,) = written["charts"]
    assert chart["sha256"] == hashlib.sha256(repository.files["/charts/page-1.2.3.tgz"]).hexdigest()
    assert chart["source"] == f"{repository.url}/charts/index.yaml"
    assert written["images"] == ["docker.io/library/busybox:1.37"]
    assert written["crds"] == ["pages.example.org"]
    assert written["values"] == [{"chart": "page", "maps": {"": "image"}, "words": {"": ""}}]
    assert linted_modules(catalog.load([modules]), ()) == {"page": []}
    read = catalog.load([modules]).modules["page"]
    assert lock_of(read.directory).undeclared(read) == []
    assert lock_of(read.directory).undeclared(replace(read, images=())) == ["docker.io/library/busybox:1.37"]

    again = file.read_bytes()
    assert locked(modules, helm, tmp_path / "cache").read_bytes() == again
    made = built(modules, tmp_path / "bundle")
    assert [f"{item.kind}/{item.name}:{item.version}" for item in made.artifacts if item.kind == "chart"] == [
        "chart/page.page:1.2.3"
    ]
    assert (tmp_path / "bundle/chart/page.page-1.2.3.tgz").read_bytes() == repository.files[
        "/charts/page-1.2.3.tgz"
    ]


@pytest.mark.usefixtures("own_cache")
def test_two_modules_have_charts_of_one_name_and_version(
    tmp_path: Path, modules: Path, repository: FileServer, helm: Helm
) -> None:
    """Each from its own repository; and a site's lock has to say whose mirror it means."""
    shutil.copytree(modules / "page", modules / "other")
    file = modules / "other" / "module.yaml"
    module = yaml.safe_load(file.read_text()) | {"name": "other"}
    module["releases"][0]["repository"] = f"{repository.url}/others"
    file.write_text(yaml.safe_dump(module))
    readme = modules / "other" / "README.md"
    readme.write_text(readme.read_text().replace("# page", "# other"))
    other = page(POD.replace("containers", "hostNetwork: true, containers"))
    offer(repository, other, place="others")
    for name in ("page", "other"):
        locked(modules, helm, tmp_path / "cache", name=name)
    assert linted_modules(catalog.load([modules]), ()) == {"other": [], "page": []}
    made = built(modules, tmp_path / "bundle")
    assert {item.name for item in made.artifacts if item.kind == "chart"} == {"page.page", "other.page"}
    assert (tmp_path / "bundle/chart/page.page-1.2.3.tgz").read_bytes() == page()
    assert (tmp_path / "bundle/chart/other.page-1.2.3.tgz").read_bytes() == other

    mirrored = Download(DownloadKind.CHART, "page", "1.2.3", *repository.put("/m.tgz", other), "https://m.io")
    site = Downloads((mirrored,))
    with pytest.raises(BundleError, match="charts of one name") as refusal:
        built(modules, tmp_path / "mirrored", site)
    assert [finding.problem for finding in refusal.value.findings] == ["may be of any of other, page"]
    built(modules, tmp_path / "mirrored", Downloads((replace(mirrored, module="page"),)))
    assert (tmp_path / "mirrored/chart/page.page-1.2.3.tgz").read_bytes() == other


@pytest.mark.usefixtures("own_cache")
def test_charts_within_a_chart_are_in_the_lock_and_none_is_missing(
    tmp_path: Path, modules: Path, repository: FileServer, helm: Helm
) -> None:
    inner = {"name": "inner", "version": "4.5.6", "alias": "side", "condition": "side.enabled"}
    chart = {"apiVersion": "v2", "name": "page", "version": "1.2.3", "dependencies": [inner]}
    files = {"page/Chart.yaml": yaml.safe_dump(chart), "page/templates/pod.yaml": POD}
    offer(repository, packed({name: text.encode() for name, text in files.items()}))
    with pytest.raises(ConfigurationError, match="cannot be rendered") as refusal:
        locked(modules, helm, tmp_path / "cache")
    assert "missing in charts/ directory: inner" in refusal.value.why
    files["page/charts/inner/Chart.yaml"] = "apiVersion: v2\nname: inner\nversion: 4.5.6\n"
    offer(repository, packed({name: text.encode() for name, text in files.items()}))
    (entry,) = yaml.safe_load(locked(modules, helm, tmp_path / "cache").read_text())["charts"]
    assert entry["subcharts"] == [inner | {"repository": ""}]


def test_a_chart_published_again_is_refused_until_somebody_has_looked(
    tmp_path: Path, modules: Path, repository: FileServer, helm: Helm
) -> None:
    file = locked(modules, helm, tmp_path / "cache")
    before = file.read_bytes()
    offer(repository, page(POD.replace("name: page,", "name: other,")))
    with pytest.raises(BundleError, match="other contents than before"):
        locked(modules, helm, tmp_path / "cache")
    assert file.read_bytes() == before
    assert locked(modules, helm, tmp_path / "cache", accept=True).read_bytes() != before


@pytest.mark.parametrize(
    ("wrong", "told"),
    [
        ("digest", "it has other contents"),
        ("no digest", "on trust alone"),
        ("version", "has no chart page 1.2.3"),
        ("template", "cannot be rendered"),
    ],
)
def test_nothing_is_written_of_what_is_wrong(
    tmp_path: Path, modules: Path, repository: FileServer, helm: Helm, wrong: str, told: str
) -> None:
    if wrong == "digest":
        offer(repository, page(), "0" * 64)
    elif wrong == "no digest":
        offer(repository, page(), "")
    elif wrong == "version":
        repository.put("/charts/index.yaml", b"entries: {page: []}")
    else:
        offer(repository, page("{{ .Values.no.such }}"))
    with pytest.raises((BundleError, ConfigurationError), match=told):
        locked(modules, helm, tmp_path / "cache")
    assert not (modules / "page" / "lock.yaml").exists()


def test_without_the_chart_at_hand_the_images_are_compared_with_the_lock(
    tmp_path: Path, modules: Path, helm: Helm
) -> None:
    locked(modules, helm, tmp_path / "cache")
    file = modules / "page" / "module.yaml"
    file.write_text(file.read_text().replace("busybox:1.37", "busybox:1.38"))
    (checked,) = checked_modules(catalog.load([modules]), lambda _module, _release: None, helm)
    found = [(fault.code, fault.image) for fault in checked.faults]
    assert found == [
        ("not-declared", "docker.io/library/busybox:1.37"),
        ("unused", "docker.io/library/busybox:1.38"),
        ("no-chart", ""),
    ]


def test_without_the_chart_at_hand_values_are_compared_with_the_lock(
    tmp_path: Path, modules: Path, helm: Helm
) -> None:
    locked(modules, helm, tmp_path / "cache")
    spec = Spec.model_validate({"modules": {"page": {"values": {"imge": "x"}}}})
    site = Configuration(name="site", namespace="slipway-system", spec=spec)
    loaded = catalog.load([modules])
    (finding,) = value_findings(loaded.modules, site, {"page"}, lambda _module, release: release.known)
    assert (finding.path, finding.severity) == ("spec.modules.page.values.imge", WARNING)
    assert finding.hint == "did you mean image?"


def test_what_text_names_is_locked_and_compared_too(
    tmp_path: Path, modules: Path, repository: FileServer, helm: Helm
) -> None:
    offer(repository, page(POD.replace("name: page,", "name: page, args: [--helper-image=auto],")))
    written = yaml.safe_load(locked(modules, helm, tmp_path / "cache").read_text())
    assert written["mentioned"] == ["auto"]

    def faults() -> list[tuple[str, str]]:
        (checked,) = checked_modules(catalog.load([modules]), lambda _module, _release: None, helm)
        return [(fault.code, fault.image) for fault in checked.faults if fault.code != "no-chart"]

    assert faults() == [("mentioned", "auto")]
    file = modules / "page" / "module.yaml"
    told = {"image": "auto", "reason": "The program puts its own image there."}
    described = yaml.safe_load(file.read_text())
    file.write_text(yaml.safe_dump({**described, "acknowledgedImages": [told]}))
    assert faults() == []
    told["image"] = "other"
    file.write_text(yaml.safe_dump({**described, "acknowledgedImages": [told]}))
    assert faults() == [("mentioned", "auto"), ("acknowledged", "other")]
