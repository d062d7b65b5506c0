"""`slipway bundle info` and `verify` as a user runs them."""

import json
import re
import subprocess
import sys
from dataclasses import replace
from pathlib import Path

import yaml

from slipway.api import read
from slipway.bundle.form import manifest as manifests
from slipway.cli.bundling.bundleoptions import images_for
from slipway.settings import data_dir
from tests.bundles import platforms_bundle, small_bundle

DEMO = data_dir() / "inventories" / "demo" / "cluster.yaml"


def _slipway(*arguments: str) -> "subprocess.CompletedProcess[str]":
    program = Path(sys.executable).with_name("slipway")
    return subprocess.run([program, "bundle", *arguments], capture_output=True, text=True, check=False)


def test_info_and_verify(tmp_path: Path) -> None:
    manifest = small_bundle(tmp_path)
    info = json.loads(_slipway("info", str(tmp_path), "-o", "json").stdout)
    assert info["digest"] == manifest.digest
    assert info["kinds"]["image"]["count"] == 2
    assert "registry.test/second:v2" in _slipway("info", str(tmp_path)).stdout
    answer = _slipway("verify", str(tmp_path), "-o", "json")
    assert json.loads(answer.stdout)["findings"] == []


def test_info_names_platforms_other_than_amd64(tmp_path: Path) -> None:
    platforms_bundle(tmp_path)
    said = _slipway("info", str(tmp_path)).stdout
    assert re.search(r"image +registry.test/group/tool:v1 +linux/amd64,linux/arm64 ", said)
    assert re.search(r"binary +program:1.0-arm64 +linux/arm64 ", said)
    assert re.search(r"binary +program:1.0 +0", said)


def test_platforms_are_those_of_hosts_unless_others_are_named(tmp_path: Path) -> None:
    document = yaml.safe_load(DEMO.read_text(encoding="utf-8"))
    document["spec"]["hosts"]["items"][1]["settings"] = {"architecture": "arm64"}
    mixed = read.parse(document)
    assert images_for("", read.load(DEMO)) == ("linux/amd64",)
    assert images_for("", mixed) == ("linux/amd64", "linux/arm64")
    assert images_for("linux/arm64,linux/amd64", read.load(DEMO)) == ("linux/amd64", "linux/arm64")
    assert images_for("all", mixed) == ("all",)
    for wrong in ("linux/s390x", "all,linux/amd64"):
        refused = _slipway("build", "-f", str(DEMO), "-o", str(tmp_path / "out"), "--platform", wrong)
        assert refused.returncode == 2
        assert "linux/amd64, linux/arm64, several with" in refused.stderr
    assert not (tmp_path / "out").exists()


def test_info_of_licences(tmp_path: Path) -> None:
    manifest = small_bundle(tmp_path)
    stated = ["MIT", "MIT AND (Apache-2.0 OR ISC)", "LicenseRef-unknown AND MIT"]
    known = zip(manifest.artifacts, stated, strict=False)
    artifacts = [*(replace(artifact, licence=text) for artifact, text in known), *manifest.artifacts[3:]]
    manifests.write(manifests.manifest_of(name="n", catalog="", slipway="0", artifacts=artifacts), tmp_path)
    lines = _slipway("info", "--licences", str(tmp_path)).stdout.splitlines()[3:]
    assert [re.split(" {3,}", line) for line in lines] == [
        ["Apache-2.0 OR ISC", "1", "binary/program-1:1.0"],
        ["MIT", "3", "binary/program-0:1.0, binary/program-1:1.0"],
        ["unknown, of parts", "1", "binary/program-2:1.0"],
        ["unknown", "3", "chart/page:1.0, image/registry.test/group/first:v1"],
    ]
    found = json.loads(_slipway("info", str(tmp_path), "--licences", "-o", "json").stdout)
    assert {entry["licence"]: len(entry["items"]) for entry in found["licences"]} == {
        "Apache-2.0 OR ISC": 1,
        "LicenseRef-unknown": 1,
        "MIT": 3,
    }
    assert found["unknown"] == [f"{item.kind}/{item.reference}" for item in manifest.artifacts[3:]]
    assert [item["licence"] for item in found["artifacts"]] == [*stated, "", "", ""]


def test_a_flipped_bit_ends_with_7_and_names_the_file(tmp_path: Path) -> None:
    manifest = small_bundle(tmp_path)
    file = tmp_path / manifest.artifacts[0].path
    file.write_bytes(b"\0" + file.read_bytes()[1:])
    answer = _slipway("verify", str(tmp_path))
    assert answer.returncode == 7
    assert manifest.artifacts[0].path in answer.stderr


def test_a_directory_of_packages_that_is_not_there_is_refused(tmp_path: Path) -> None:
    for option in (f"rocky-9={tmp_path}/none", "rocky-9"):
        answer = _slipway("build", "-f", str(DEMO), "-o", str(tmp_path / "out"), "--packages", option)
        assert answer.returncode == 2
        assert "SYSTEM=DIR" in answer.stderr
