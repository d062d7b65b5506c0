"""What is read out of charts and of Helm's revisions: definitions in both forms, kinds, and what is taken out."""

import base64
import json
import secrets
import tarfile
from pathlib import Path
from typing import Any

import pytest

from slipway.cluster.lifecycle.attempts import DATA
from slipway.cluster.lifecycle.definitions.carried import (
    Carried,
    defines_alone,
    definitions_in,
    mentions_definitions,
)
from slipway.cluster.lifecycle.definitions.changes import changed_parts
from slipway.cluster.lifecycle.retaining import without
from slipway.cluster.lifecycle.sizes import LIMIT, revision_bytes
from slipway.cluster.lifecycle.stages.between import kinds_needed
from slipway.cluster.lifecycle.stages.webhooks import webhooks_of


def definition(name: str, **more: Any) -> dict[str, Any]:
    return {
        "apiVersion": "apiextensions.k8s.io/v1",
        "kind": "CustomResourceDefinition",
        "metadata": {"name": name, **more.pop("metadata", {})},
        "spec": {"group": name.partition(".")[2], "names": {"kind": "Gear", "plural": "gears"}, **more},
    }


def printed(*files: tuple[str, dict[str, Any]]) -> str:
    """As `helm template --include-crds` prints it."""
    return "".join(f"---\n# Source: {name}\n{json.dumps(content)}\n" for name, content in files)


@pytest.mark.parametrize(
    ("source", "templated"),
    [
        ("page/crds/a.yaml", False),
        ("page/charts/sub/crds/a.yaml", False),
        ("page/charts/sub/charts/deep/crds/dir/a.yaml", False),
        ("page/templates/crds/a.yaml", True),
        ("page/charts/sub/templates/a.yaml", True),
    ],
)
def test_a_definition_is_known_by_where_it_comes_from(source: str, templated: bool) -> None:
    content = definition("gears.example.org")
    text = printed(("page/templates/b.yaml", {"kind": "ConfigMap", "metadata": {}}), (source, content))
    assert list(definitions_in(text)) == [Carried(content, templated)]


def test_a_hook_of_helm_is_helm_s_and_one_that_it_passes_over_is_ours() -> None:
    notes = {"annotations": {"helm.sh/hook": "pre-install"}}
    old = {"annotations": {"helm.sh/hook": "crd-install"}}
    text = printed(
        ("page/templates/a.yaml", definition("gears.a.org", metadata=notes)),
        ("page/templates/b.yaml", definition("gears.b.org", metadata=old)),
    )
    assert [(one.name, one.templated) for one in definitions_in(text)] == [("gears.b.org", False)]


def test_in_the_directory_of_definitions_nothing_is_a_hook() -> None:
    """Helm makes what is there without a look at its notes, so nobody else would."""
    one = definition("gears.example.org", metadata={"annotations": {"helm.sh/hook": "pre-install"}})
    assert list(definitions_in(printed(("page/crds/a.yaml", one)))) == [Carried(one, templated=False)]


GEAR = "# as it was made\nkind: CustomResourceDefinition\nspec:\n  names:\n    kind: Gear\n"


@pytest.mark.parametrize("packed", [False, True])
@pytest.mark.parametrize(
    ("name", "text", "alone"),
    [
        ("crds/a.yaml", GEAR, True),
        ("crds/a.yaml", f'---\n{GEAR}---\nkind: "CustomResourceDefinition"\n', True),
        ("crds/README.md", "What is here.\n", True),
        ("templates/a.yaml", "kind: ConfigMap\n", True),
        ("crds/a.yaml", f"{GEAR}---\nkind: ValidatingAdmissionPolicy\n", False),
        ("charts/sub/crds/a.yaml", "kind: List\n", False),
        ("crds/a.json", '{"kind": "CustomResourceDefinition"}', False),
        ("charts/sub-1.0.0.tgz", "", False),
    ],
)
def test_helm_skips_what_slipway_brings_and_no_more(
    tmp_path: Path, name: str, text: str, packed: bool, alone: bool
) -> None:
    file = tmp_path / "page" / name
    file.parent.mkdir(parents=True)
    file.write_text(text)
    chart = tmp_path / "page"
    if packed:
        chart = tmp_path / "page-1.0.0.tgz"
        with tarfile.open(chart, "w:gz") as archive:
            archive.add(tmp_path / "page", "page")
    assert defines_alone(chart) is alone


@pytest.mark.parametrize(("bundle", "kept"), [("", False), ("Cg==", False), ("TUlJ", True)])
def test_a_certificate_that_is_none_takes_no_real_one_away(bundle: str, kept: bool) -> None:
    client = {"service": {"name": "s", "namespace": "n"}, "caBundle": bundle}
    conversion = {"strategy": "Webhook", "webhook": {"clientConfig": client}}
    content = definition("gears.example.org", conversion=conversion, status={}) | {"status": {"a": 1}}
    (found,) = definitions_in(printed(("page/templates/a.yaml", content)))
    assert ("caBundle" in found.content["spec"]["conversion"]["webhook"]["clientConfig"]) is kept
    assert "status" not in found.content
    (hook,) = webhooks_of(found.content)
    assert (hook.service, hook.trusted, hook.binding) == ("n/s", kept, True)
    assert str(hook) == "webhook that converts Gear of CustomResourceDefinition gears.example.org"


def test_what_is_kept_is_taken_out_of_a_manifest_and_the_rest_stays_as_it_was() -> None:
    kept, stays = (
        definition("gears.example.org"),
        {"apiVersion": "v1", "kind": "ConfigMap", "data": {"a": "b"}},
    )
    both = {"apiVersion": "v1", "kind": "List", "items": [kept, stays]}
    text = "# Source: p/a.yaml\nkind: Service # as it was\n"
    manifest = f"---\n{text}---\n{json.dumps(kept)}\n---\n{json.dumps(both)}\n"
    found, count = without(manifest, DATA)
    assert count == 2
    assert found == f"{text}---\n{json.dumps(stays)}\n"
    assert without(found, DATA) == (found, 0)


def test_kinds_that_a_release_defines_are_none_that_it_needs() -> None:
    text = printed(
        ("page/crds/a.yaml", definition("gears.example.org")),
        ("page/templates/b.yaml", {"apiVersion": "example.org/v1", "kind": "Gear"}),
        ("page/templates/c.yaml", {"apiVersion": "other.org/v1", "kind": "Gear"}),
    )
    wanted = {("apiextensions.k8s.io/v1", "CustomResourceDefinition"), ("other.org/v1", "Gear")}
    assert set(kinds_needed(text)) == wanted


@pytest.mark.parametrize("failure", ["Fail", "Ignore"])
def test_a_webhook_that_may_be_silent_binds_nobody(failure: str) -> None:
    one = {"name": "a.b.c", "clientConfig": {"url": "https://x"}, "failurePolicy": failure}
    obj = {"kind": "MutatingWebhookConfiguration", "metadata": {"name": "m"}, "webhooks": [one]}
    (hook,) = webhooks_of(obj)
    assert (hook.binding, hook.service) == (failure == "Fail", "")


def test_what_becomes_another_one_is_said_in_words() -> None:
    def spec(*versions: tuple[str, bool, str], strategy: str = "") -> dict[str, Any]:
        listed = [
            {"name": name, "served": served, "storage": name == versions[0][0], "schema": {"d": text}}
            for name, served, text in versions
        ]
        return {"versions": listed, **({"conversion": {"strategy": strategy}} if strategy else {})}

    assert list(changed_parts(spec(("v1", True, "")), spec(("v1", True, "")) | {"x": 1})) == []
    emptied = {"versions": [{"name": "v1", "served": True, "storage": True, "schema": {}}]}
    assert list(changed_parts(emptied, spec(("v1", True, "")))) == []
    before = spec(("v1alpha1", True, "a"), ("v1beta1", True, "a"), strategy="None")
    assert list(changed_parts(before, spec(("v1alpha1", True, "a"), ("v1beta1", True, "a")))) == []
    after = spec(("v1", True, "a"), ("v1beta1", False, "b"), strategy="Webhook")
    assert list(changed_parts(before, after)) == [
        "v1 is new",
        "v1alpha1 goes",
        "the schema of v1beta1",
        "v1beta1 is served no more",
        "its conversion is Webhook",
    ]


def test_only_charts_that_have_the_word_are_rendered(tmp_path: Path) -> None:
    (tmp_path / "templates").mkdir()
    (tmp_path / "templates" / "a.yaml").write_text("kind: ConfigMap\n")
    assert not mentions_definitions(tmp_path)
    (tmp_path / "templates" / "b.yaml").write_text("kind: CustomResourceDefinition\n")
    assert mentions_definitions(tmp_path)


def test_a_revision_is_as_large_as_what_cannot_be_packed() -> None:
    noise = base64.b64encode(bytes(range(256)) * 1).decode()
    assert revision_bytes({"a": noise.encode() * 4000}, "") < LIMIT / 10
    random = secrets.token_bytes(600 << 10)
    assert revision_bytes({"a": random}, "") > 600 << 10
    outside = printed(("page/charts/s/crds/a.yaml", {"kind": "A", "x": random.hex()}))
    assert revision_bytes({}, outside) < 1000
    assert revision_bytes({}, outside.replace("\n", "\n# where it is from\n---\n", 2)) < 1000
