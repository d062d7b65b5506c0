"""Images of which no lock of the site has a digest: by their modules' locks, or read at the build, told and kept."""

import json
import shutil
from dataclasses import replace
from pathlib import Path
from typing import Any

import pytest
import yaml

from slipway import catalog as catalogs
from slipway.bundle.form import manifest as manifests
from slipway.bundle.locks import images as lock
from slipway.bundle.locks.images import ImageLock
from slipway.bundle.locks.modulelocks import digests_of
from slipway.bundle.make.official import Official
from slipway.bundle.verify.checks import damaged_files
from slipway.bundle.verify.info import bundle_facts
from slipway.bundle.vouch import signers
from slipway.clock import utc_now
from slipway.errors import BundleError
from slipway.model.bundle import Artifact, BundleManifest, ImageOrigin
from slipway.model.platforms import ALL, PLATFORMS
from tests.contract.bundle.test_lock import account_at, slipway
from tests.faulty import Faulty
from tests.signed import PLACE, recording
from tests.tiny import tiny_build, tiny_modules
from tests.upstreams import AMD64, DAY, IMAGE, digest_of, put_image, put_index, resolved, upstreams

ARM64 = "linux/arm64"


@pytest.fixture(autouse=True)
def _nothing_built(upstream: Faulty, request: pytest.FixtureRequest) -> None:
    """A cache of its own, once the registry runs, which is out of the machine's."""
    del upstream
    request.getfixturevalue("cache")


def digest_entry(
    upstream: Faulty, platforms: tuple[str, ...] = (AMD64, ARM64), **other: Any
) -> dict[str, Any]:
    """What lock.yaml of a module has of the image, read now."""
    one = lock.meaning(upstreams(upstream), IMAGE)
    entry = {"image": IMAGE, "tagged": one.tagged, "source": one.source, "read": DAY}
    return entry | {"platforms": {name: one.platforms[name] for name in platforms}} | other


def module(tmp_path: Path, *digests: dict[str, Any], name: str = "small") -> None:
    """The tiny module takes the image, and its lock has these."""
    root = tmp_path / "modules" if (tmp_path / "modules").is_dir() else tiny_modules(tmp_path)
    if name != "small":
        shutil.copytree(root / "small", root / name)
    file = root / name / "module.yaml"
    told = yaml.safe_load(file.read_text()) | {"name": name, "images": ["registry.test/pause:1", IMAGE]}
    file.write_text(yaml.safe_dump(told))
    (root / name / "lock.yaml").write_text(yaml.safe_dump({"digests": list(digests)}))


def built(
    tmp_path: Path, upstream: Faulty, out: str = "bundle", lines: list[str] | None = None, **options: Any
) -> BundleManifest:
    made = tiny_build(
        tmp_path,
        out,
        lines,
        official=Official(upstreams=upstreams(upstream), **options),
        platforms=PLATFORMS[:1],
    )
    assert damaged_files(tmp_path / out) == []
    return made


def tool(made: BundleManifest) -> Artifact:
    (found,) = [one for one in made.artifacts if one.reference == IMAGE]
    return found


def test_what_nobody_has_read_is_read_by_the_build_and_told(tmp_path: Path, upstream: Faulty) -> None:
    module(tmp_path)
    lines: list[str] = []
    made = built(tmp_path, upstream, lines=lines)
    [entry] = resolved(upstream)
    image = tool(made)
    assert (image.digest, image.unread) == (entry.digest, True)
    assert image.origin == f"{entry.source}, read by the build"
    assert [line for line in lines if line.startswith("unread: no lock has the digests of one image")]
    assert bundle_facts(made)["unread"] == [IMAGE]
    written = yaml.safe_load((tmp_path / "bundle" / manifests.FILE).read_text())["artifacts"]
    assert [item["name"] for item in written if "unread" in item] == ["quay.io/group/tool"]
    assert manifests.read(tmp_path / "bundle") == made
    told = slipway("bundle", "info", str(tmp_path / "bundle"), cwd=tmp_path).stdout
    assert f"unread: one image that no lock had, so the build read what is carried: {IMAGE}" in told
    assert built(tmp_path, upstream, "again") == made

    locked = built(tmp_path, upstream, "locked", lock=ImageLock((entry,)))
    assert (tool(locked).digest, tool(locked).unread) == (entry.digest, False)
    assert tool(locked).origin == f"{entry.source}, locked on {DAY}"
    assert bundle_facts(locked)["unread"] == []


def test_what_hangs_at_an_unread_image_was_read_by_the_build_too(tmp_path: Path, upstream: Faulty) -> None:
    module(tmp_path)
    made = built(tmp_path, upstream, platforms=(ALL,))
    image, signature = (one for one in made.artifacts if one.name == "quay.io/group/tool")
    assert {image.origin, signature.origin} == {f"{upstream.url}/group/tool, read by the build"}
    assert bundle_facts(made)["unread"] == [IMAGE]


def test_a_pack_says_so_too(tmp_path: Path, upstream: Faulty) -> None:
    module(tmp_path)
    file = tmp_path / "modules" / "small" / "module.yaml"
    names = [IMAGE, *(IMAGE.replace("tool", f"tool{number}") for number in range(5))]
    for name in names[1:]:
        put_image(upstream.backend.client(), "v1", AMD64, [name.encode()], name.removeprefix("quay.io/")[:-3])
    file.write_text(yaml.safe_dump(yaml.safe_load(file.read_text()) | {"images": names}))
    registries = account_at(tmp_path, upstream, {"quay.io"})
    done = slipway("catalog", "pack", "modules", "-o", "pack", *registries, cwd=tmp_path)
    first = ", ".join(names[:4])
    told = f"unread: 6 images that no lock had, so the build read what is carried: {first} and 2 more\n"
    assert told in done.stdout
    assert "unread: no lock has the digests of 6 images, they were read now" in done.stderr
    assert [one.unread for one in manifests.read(tmp_path / "pack").artifacts if one.kind == "image"] == [
        True
    ] * 6


def test_a_modules_lock_is_pulled_by_digest_whatever_became_of_the_tag(
    tmp_path: Path, upstream: Faulty
) -> None:
    entry = digest_entry(upstream)
    module(tmp_path, entry)
    put_index(upstream.backend.client(), "v1", seed=10)
    upstream.seen.clear()
    for out, options in (("auto", {}), ("all", {"platforms": (ALL,)})):
        image = tool(built(tmp_path, upstream, out, **options))
        assert image.digest == (entry["tagged"] if options else entry["platforms"][AMD64])
        assert not image.unread
    assert upstream.count("GET", "/manifests/v1") == 0
    site = tool(built(tmp_path, upstream, "site", lock=ImageLock(tuple(resolved(upstream)))))
    assert site.digest == resolved(upstream)[0].digest != entry["platforms"][AMD64]


def test_what_is_read_has_to_be_what_modules_were_locked_with(tmp_path: Path, upstream: Faulty) -> None:
    """For one platform the module's lock has a digest, so that the tag is read for both."""
    former = digest_entry(upstream, (AMD64,))
    module(tmp_path, former)
    put_index(upstream.backend.client(), "v1", seed=10)
    with pytest.raises(BundleError, match="other contents than modules were locked with") as refusal:
        built(tmp_path, upstream, platforms=(AMD64, ARM64))
    (finding,) = refusal.value.findings
    new = resolved(upstream)[0]
    assert (finding.path, finding.code) == (f"image/{IMAGE}", "moved")
    assert finding.problem == f"its tag means {new.digest} for {AMD64} at {new.source}"
    assert finding.expected == f"{former['platforms'][AMD64]}, as lock.yaml of small has it, read on {DAY}"
    assert "slipway bundle lock --accept" in refusal.value.hint
    assert not (tmp_path / "bundle" / manifests.FILE).exists()


def test_two_modules_that_know_one_image_otherwise_are_told(tmp_path: Path, upstream: Faulty) -> None:
    module(tmp_path, digest_entry(upstream))
    module(tmp_path, digest_entry(upstream), name="other")
    modules = catalogs.load([tmp_path / "modules"]).modules.values()
    known = digests_of(modules, [IMAGE], (AMD64,))
    assert known[IMAGE, AMD64].modules == ("other", "small")
    assert digests_of(modules, ["quay.io/another/one:v1"], (AMD64,)) == {}
    shutil.rmtree(tmp_path / "modules")
    module(tmp_path, digest_entry(upstream))
    module(
        tmp_path,
        digest_entry(upstream, platforms=(ARM64,)) | {"platforms": {AMD64: digest_of(b"x")}},
        name="other",
    )
    modules = catalogs.load([tmp_path / "modules"]).modules.values()
    with pytest.raises(BundleError, match="one image by two digests") as refusal:
        digests_of(modules, [IMAGE], (AMD64,))
    (finding,) = refusal.value.findings
    assert "lock.yaml of small has" in finding.problem
    assert f"{digest_of(b'x')}, as that of other" in finding.expected


@pytest.mark.parametrize("case", ["gone", "away", "platform"])
def test_all_that_cannot_be_read_is_named_with_its_modules(
    tmp_path: Path, upstream: Faulty, case: str
) -> None:
    module(tmp_path)
    file = tmp_path / "modules" / "small" / "module.yaml"
    other = "quay.io/group/tool:v9" if case == "gone" else "quay.invalid/group/tool:v1"
    platforms = (AMD64,)
    if case == "platform":
        put_image(upstream.backend.client(), "amd-only", AMD64, [b"x"])
        other, platforms = "quay.io/group/tool:amd-only", (AMD64, ARM64)
    file.write_text(file.read_text().replace(IMAGE, f"{IMAGE}\n- {other}"))
    with pytest.raises(BundleError, match="have neither a lock nor a recipe") as refusal:
        built(tmp_path, upstream, platforms=platforms)
    (finding,) = refusal.value.findings
    assert (finding.path, finding.code) == (f"image/{other}", "unread")
    told = {"gone": "does not have it", "away": "does not answer", "platform": "not there for linux/arm64"}
    assert finding.problem.startswith("of small cannot be read: ")
    assert told[case] in finding.problem


def test_whoever_wants_the_publishers_or_sources_alone_has_to_lock(tmp_path: Path, upstream: Faulty) -> None:
    module(tmp_path)
    with pytest.raises(BundleError, match="on trust alone"):
        built(tmp_path, upstream, origin=ImageOrigin.OFFICIAL)
    with pytest.raises(BundleError, match="neither a lock nor a recipe"):
        built(tmp_path, upstream, origin=ImageOrigin.BUILD)
    with pytest.raises(BundleError, match="on trust alone"):
        built(tmp_path, upstream, further=frozenset({"quay.io/my/own:1"}))
    assert upstream.count("GET", "/blobs/") == 0


@pytest.mark.parametrize("locked", [True, False])
def test_what_has_to_be_signed_is_so_without_a_lock_of_the_site_too(
    tmp_path: Path, upstream: Faulty, locked: bool
) -> None:
    client = upstream.backend.client()
    recording("image").play(client)
    module(tmp_path, *([digest_entry(upstream)] if locked else []))
    entry = {"prefix": "quay.io/group", "key": str(PLACE / "cosign-ecdsa.pub")}
    (tmp_path / "images.keys.yaml").write_text(yaml.safe_dump({"format": 1, "keys": [entry]}))
    asked = signers.read(tmp_path / "images.keys.yaml")
    with pytest.raises(BundleError, match="not signed by those who have to vouch"):
        built(tmp_path, upstream, signers=asked)
    recording("cosign-ecdsa").play(client)
    assert tool(built(tmp_path, upstream, signers=asked)).unread is not locked


def test_bundle_lock_refuses_what_differs_from_a_modules_lock(tmp_path: Path, upstream: Faulty) -> None:
    """Once somebody has taken it, the site's lock says so, and the same command says no more."""
    client = upstream.backend.client()
    wrong = digest_entry(upstream) | {"platforms": {AMD64: digest_of(b"former")}}
    module(tmp_path, wrong)
    images = [*catalogs.load().versions.release("v1.35.4").images, "registry.test/pause:1"]
    for image in images:
        name, _, tag = image.partition("/")[2].rpartition(":")
        put_image(client, tag, AMD64, [image.encode()], name)
    registries = account_at(tmp_path, upstream, {image.partition("/")[0] for image in images} | {"quay.io"})
    slipway("init", "--hosts", "10.0.0.11", cwd=tmp_path)
    file = tmp_path / "cluster.yaml"
    text = yaml.safe_load(file.read_text())
    text["spec"]["moduleSources"] = {"ours": {"directory": "modules"}}
    file.write_text(yaml.safe_dump(text))
    command = ["bundle", "lock", "--modules", "small", *registries]
    refused = json.loads(slipway(*command, "-o", "json", cwd=tmp_path, code=7).stdout)
    assert [one["path"] for one in refused["findings"]] == [f"image/{IMAGE}"]
    assert digest_of(b"former") in refused["findings"][0]["expected"]
    assert not (tmp_path / "images.lock.yaml").exists()
    slipway(*command, "--accept", cwd=tmp_path)
    slipway(*command, cwd=tmp_path)
    assert lock.read(tmp_path / "images.lock.yaml").find(IMAGE, AMD64) == resolved_today(upstream)


def resolved_today(upstream: Faulty) -> lock.Locked:
    return replace(resolved(upstream)[0], read=utc_now().date().isoformat())
