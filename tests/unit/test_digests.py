"""Names for content: sites, bundles and clusters hold them already, so each value here stays what it is."""

import ast
from collections.abc import Iterator
from dataclasses import replace
from pathlib import Path
from typing import Any

import slipway
from slipway.bundle.form import manifest as manifests
from slipway.bundle.form.packing import artifact_manifest
from slipway.bundle.ground.workshop import short_digest
from slipway.cluster.lifecycle.releases import release_digest
from slipway.cluster.own.noderecords import encode_node
from slipway.digests import canonical_json, digest_of, json_digest
from slipway.model.bundle import Artifact, ArtifactKind
from slipway.model.placeholders import SecretValue
from slipway.model.record import NodeRecord, StepRecord
from slipway.planning.digests import digest, parts
from slipway.planning.requests.request import ChartRef, ReleaseRequest

VALUE: dict[str, Any] = {"b": [1, 2.5, True, None, "Zürich\n"], "a": {"z": "", "y": {}}}
PLAIN = '{"a":{"y":{},"z":""},"b":[1,2.5,true,null,"Zürich\\n"]}'
ESCAPED = PLAIN.replace("ü", "\\u00fc")


def test_one_text_per_value() -> None:
    assert canonical_json(VALUE) == PLAIN
    assert canonical_json(VALUE, escaped=True) == ESCAPED
    assert canonical_json({"z": 1, "a": 2}) == canonical_json({"a": 2, "z": 1})


def test_a_digest_names_its_algorithm() -> None:
    empty = "e3b0c44298fc1c149afbf4c8996fb92427ae41e4649b934ca495991b7852b855"
    assert digest_of("") == digest_of(b"") == f"sha256:{empty}"
    assert json_digest(VALUE) == digest_of(PLAIN.encode())
    assert json_digest(VALUE, escaped=True) == digest_of(ESCAPED)
    assert json_digest(VALUE) == "sha256:eef0ad5b8087243e44b7255a2385a2097e5c1731749cc3609f8692553cacd273"


def test_a_step_has_the_digest_that_its_record_holds() -> None:
    """Any other value, and every host of every site would be gone over again."""
    inputs = {"a": SecretValue("n/k"), "b": "ü"}
    assert digest(inputs, {"n/k": "h"}) == (
        "sha256:62a8c80d491a41c87d32521b523d3e5ce5078978074aa756ca742ba50c971a4a"
    )
    assert parts({"b": "ü"}, {}) == {"b": "e4c77d3f26da"}


def test_a_release_has_the_digest_that_its_record_holds() -> None:
    item = ReleaseRequest("r", "n", ChartRef("c", "sha256:0"), {"b": "ü", "a": 1})
    assert release_digest(item) == ("sha256:0a40fb7d4920f73c471bff63bf828f1fd74a524c5e80878bb093c79ef6fa1974")


def test_a_bundle_has_the_digest_that_it_states() -> None:
    artifact = Artifact(
        kind=ArtifactKind.IMAGE,
        name="demo/ü",
        version="1",
        digest=f"sha256:{'0' * 64}",
        size=7,
        path="images/x",
        origin="o",
    )
    made = manifests.manifest_of(name="small", catalog="c" * 64, slipway="0.1.0", artifacts=[artifact])
    assert made.digest == "sha256:36a88272b4d36e9f3666bc59c964580bee030d8912c74de02647760e26f42b36"
    usual = replace(artifact, name="demo/u", origin="ü")  # no registry has a name with an umlaut
    made = manifests.manifest_of(name="small", catalog="c" * 64, slipway="0.1.0", artifacts=[usual])
    assert manifests.parse(manifests.dump(made), "here") == made


def test_a_file_in_a_registry_has_the_manifest_that_it_was_pushed_with() -> None:
    text = artifact_manifest("chart", "ü.tgz", f"sha256:{'1' * 64}", 3, "sig")
    assert b'"org.opencontainers.image.title":"\\u00fc.tgz"' in text
    assert digest_of(text) == ("sha256:54bfb6dd2ac4745549bfa1f148c66dfcd085967f963e5b99dec5247fd0f698e7")


def test_what_the_workshop_has_made_is_found_again() -> None:
    assert short_digest(["amd64", {"name": "ü", "v": 1}]) == "a28acaace8f4"


def test_what_is_kept_of_a_node_is_not_written_again() -> None:
    steps = {"node_prepare": StepRecord("d", {"ü": "b"}, "c", "1", "t")}
    assert encode_node(NodeRecord("n", "10.0.0.9", steps, labels=("a", "b"))) == (
        '{"address":"10.0.0.9","begun":[],"drained":false,"format":1,"labels":["a","b"],"name":"n",'
        '"operation":"","steps":{"node_prepare":{"catalog":"c","digest":"d",'
        '"parts":{"\\u00fc":"b"},"time":"t","version":"1"}},"taints":[]}'
    )


def written_by_hand(tree: ast.AST) -> Iterator[int]:
    """Lines on which keys are sorted for a text that nobody reads: one that is not indented."""
    for node in ast.walk(tree):
        if isinstance(node, ast.Call) and ast.unparse(node.func) == "json.dumps":
            options = {keyword.arg for keyword in node.keywords}
            if "sort_keys" in options and "indent" not in options:
                yield node.lineno


def test_one_function_writes_it() -> None:
    root = Path(slipway.__file__).parent
    found = {
        f"{file.relative_to(root)}:{line}"
        for file in root.rglob("*.py")
        if file != root / "digests.py"
        for line in written_by_hand(ast.parse(file.read_text(encoding="utf-8")))
    }
    assert found == set()
