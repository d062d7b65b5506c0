"""Images in parts, in texts within texts, short, and beside a registry without a dot; what is undecided is told."""

import base64
import json
from typing import Any

import pytest

from slipway.catalog.images.references import Manifest, Use, references

FIELD, TEXT = Use.FIELD, Use.TEXT
HEX = "0" * 64


def found(content: dict[str, Any]) -> list[tuple[str, Use, str]]:
    made = references([Manifest("templates/x.yaml", {"metadata": {"name": "x"}, **content})])
    return [(item.image, item.use, item.field) for item in made]


def custom(spec: dict[str, Any]) -> dict[str, Any]:
    return {"apiVersion": "example.test/v1", "kind": "Policy", "spec": spec}


@pytest.mark.parametrize(
    ("parts", "image", "use"),
    [
        (
            {"repository": "nvcr.io/nvidia", "image": "driver", "version": "595.91"},
            "nvcr.io/nvidia/driver:595.91",
            FIELD,
        ),
        ({"repository": "nvcr.io/nvidia", "image": "driver", "tag": "v1"}, "nvcr.io/nvidia/driver:v1", FIELD),
        (
            {"repository": "a.io/b", "image": "c", "version": f"sha256:{HEX}"},
            f"a.io/b/c@sha256:{HEX}",
            FIELD,
        ),
        ({"registry": "a.io", "repository": "b/c", "tag": "1"}, "a.io/b/c:1", FIELD),
        ({"repository": "a.io/b/c", "tag": 1.5}, "a.io/b/c:1.5", FIELD),
        ({"repository": "a.io/b", "image": "c", "version": "1", "enabled": False}, "a.io/b/c:1", TEXT),
        ({"repository": "a.io/b", "image": "c", "version": ""}, "a.io/b/c", TEXT),
        ({"registry": "a.io", "image": "b/c", "tag": "1"}, "a.io/b/c:1", FIELD),
        ({"registry": "a.io", "image": "b/c", "version": "1"}, "a.io/b/c:1", FIELD),
        ({"repository": "a.io/b", "tag": "1", "digest": f"sha256:{HEX}"}, f"a.io/b:1@sha256:{HEX}", FIELD),
        ({"registry": "a.io", "repository": "b", "digest": f"sha256:{HEX}"}, f"a.io/b@sha256:{HEX}", FIELD),
        ({"image": "b/c", "tag": "1"}, "b/c:1", FIELD),
        ({"image": "b/c", "version": "1"}, "b/c:1", TEXT),
        ({"image": "b/c", "defaultImageVersion": "1"}, "b/c:1", TEXT),
        ({"repository": "quay.io/b/c", "version": "1"}, "quay.io/b/c:1", TEXT),
        ({"imageRegistry": "a.io", "imageName": "b", "imageTag": "1"}, "a.io/b:1", FIELD),
        ({"sidecarImageRepository": "a.io/b", "sidecarImageTag": "1", "tag": "2"}, "a.io/b:1", FIELD),
    ],
)
def test_an_image_in_parts(parts: dict[str, Any], image: str, use: Use) -> None:
    ((seen, how, field),) = found(custom({"driver": parts}))
    assert (seen, how) == (image, use)
    assert field.rpartition(".")[2] in parts


def test_a_map_that_is_called_image_has_a_name() -> None:
    image = {"name": "a/b", "tag": "1"}
    assert found(custom({"image": image, "user": image})) == [("a/b:1", FIELD, "spec.image.name")]


@pytest.mark.parametrize("place", ["a.io/b", "a.io/b/c"])
def test_a_map_that_is_called_image_may_have_its_last_part_as_a_name(place: str) -> None:
    parts = {"repository": place, "name": "c", "tag": "1"}
    assert found(custom({"image": parts})) == [("a.io/b/c:1", FIELD, "spec.image.repository")]
    assert found(custom({"other": parts})) == [(f"{place}:1", FIELD, "spec.other.repository")]


def test_registry_and_tag_of_a_map_around_are_taken_for_words() -> None:
    spec = {"hub": "a.io/b", "tag": "1", "proxy": {"image": "c"}, "other": {"image": "quay.io/x/y:2"}}
    assert found(custom(spec)) == [
        ("a.io/b/c:1", TEXT, "spec.proxy.image"),
        ("quay.io/x/y:2", FIELD, "spec.other.image"),
    ]


@pytest.mark.parametrize(
    "parts",
    [
        {"repository": "https://charts.example.org", "version": "1.2"},
        {"repository": "github.com/example/code", "version": "main"},
        {"repository": "", "image": "", "version": ""},
        {"name": "a/b", "version": "1"},
        {"image": "", "tag": "1"},
    ],
)
def test_a_repository_of_something_else_is_no_image(parts: dict[str, Any]) -> None:
    assert found(custom({"source": parts})) == []


def test_what_a_configmap_carries_in_parts_is_text() -> None:
    data = {"repository": "a.io/b", "image": "c", "version": "1"}
    assert found({"apiVersion": "v1", "kind": "ConfigMap", "data": data}) == [
        ("a.io/b/c:1", TEXT, "data.image")
    ]


def test_a_word_that_may_be_an_image_is_told() -> None:
    assert found(custom({"image": "disk"})) == [("disk", TEXT, "spec.image")]


@pytest.mark.parametrize(
    "text",
    [
        json.dumps({"image": "kserve/agent:v0.20.0", "memoryRequest": "100Mi"}),
        "agent:\n  image: kserve/agent:v0.20.0\n",
        "agent:\n  repository: kserve\n  image: agent\n  version: v0.20.0\n",
        "spec:\n  containers:\n  - name: a\n    image: kserve/agent:v0.20.0\n",
        json.dumps({"inner": json.dumps({"image": "kserve/agent:v0.20.0"})}),
        "{{ if .Values.x }}\nimage: kserve/agent:v0.20.0\n{{ end }}\n",
        "agent.image=kserve/agent:v0.20.0\nother=1\n",
    ],
    ids=["JSON", "YAML", "parts", "pod", "JSON in JSON", "template", "properties"],
)
def test_texts_within_a_configmap(text: str) -> None:
    content = {"apiVersion": "v1", "kind": "ConfigMap", "data": {"agent": text}}
    assert found(content) == [("kserve/agent:v0.20.0", TEXT, "data.agent")]


@pytest.mark.parametrize(
    ("container", "image", "field"),
    [
        ({"args": ["--agent-image=busybox:1.37"]}, "busybox:1.37", "args[0]"),
        ({"args": ["--agent-image", "busybox"]}, "busybox", "args[1]"),
        ({"args": ["--starts=kserve/agent:v0.20.0"]}, "kserve/agent:v0.20.0", "args[0]"),
        ({"args": ["--helper", "registry:5000/helper:1"]}, "registry:5000/helper:1", "args[1]"),
        (
            {"command": ["run", f"mirror:5000/a/b@sha256:{HEX}"]},
            f"mirror:5000/a/b@sha256:{HEX}",
            "command[1]",
        ),
        ({"env": [{"name": "AGENT_IMAGE", "value": "agent"}]}, "agent", "env[0].value"),
        (
            {"env": [{"name": "RELATED_IMAGE_A", "value": "kserve/agent:v1"}]},
            "kserve/agent:v1",
            "env[0].value",
        ),
        ({"env": [{"name": "STARTS", "value": "ghcr.io/a/b:v1"}]}, "ghcr.io/a/b:v1", "env[0].value"),
    ],
)
def test_arguments_and_environment(container: dict[str, Any], image: str, field: str) -> None:
    content = {"apiVersion": "v1", "kind": "Pod", "spec": {"containers": [container]}}
    assert found(content) == [(image, TEXT, f"spec.containers[0].{field}")]


@pytest.mark.parametrize(
    "container",
    [
        {
            "args": [
                "--image-pull-policy=IfNotPresent",
                "--image-pull-secret",
                "regcred",
                "--listen=tcp/0.0.0.0:80",
            ]
        },
        {"env": [{"name": "IMAGE_PULL_POLICY", "value": "Always"}, {"name": "IMAGE_TAG", "value": "v1"}]},
        {"args": ["--endpoint=http://registry:5000/v2/a:1", "--address=host:5000", "--max-images=5", "2:1"]},
        {"env": [{"name": "IMAGE", "valueFrom": {"fieldRef": {"fieldPath": "a.b"}}}]},
    ],
)
def test_what_only_sounds_like_an_image_is_none(container: dict[str, Any]) -> None:
    assert found({"apiVersion": "v1", "kind": "Pod", "spec": {"containers": [container]}}) == []


@pytest.mark.parametrize(
    ("field", "value", "seen"),
    [
        ("initImage", "busybox:1.36", True),
        ("baseImage", "busybox", True),
        ("images", "busybox", True),
        ("registrarImage", "busybox", True),
        ("stagingImage", "busybox", True),
        ("imageName", "busybox", True),
        ("IMAGE_DRIVER", "a/b", True),
        ("starts", "busybox:1.36.1", True),
        ("starts", "quay.io/a/b", True),
        ("imagePullPolicy", "Always", False),
        ("imagePullSecret", "regcred", False),
        ("imageTag", "v1", False),
        ("imageRegistry", "quay.io/a", False),
        ("imageFormat", "raw", False),
        ("prefetchImage", "true", False),
        ("starts", "a.example/b", False),
        ("starts", "service:8080", False),
    ],
)
def test_fields_by_what_they_are_called(field: str, value: str, seen: bool) -> None:
    """In custom resources, and in what ConfigMaps carry."""
    config = {"apiVersion": "v1", "kind": "ConfigMap", "data": {field: value}}
    expected = [value] if seen else []
    assert [image for image, *_ in found(custom({field: value}))] == expected
    assert [image for image, *_ in found(config)] == expected


@pytest.mark.parametrize(
    "text",
    [
        "kubectl run x --image busybox:1.36 --rm\ntrue\n",
        "IMAGE=${IMAGE:-busybox:1.36}\ntrue\n",
        "run(image=busybox:1.36)\n",
    ],
    ids=["flag", "default of a shell", "argument of a call"],
)
def test_lines_of_scripts(text: str) -> None:
    content = {"apiVersion": "v1", "kind": "ConfigMap", "data": {"run": text}}
    assert found(content) == [("busybox:1.36", TEXT, "data.run")]


def test_secrets_carry_configuration_too() -> None:
    text = base64.b64encode(b"image:\n  name: a/b\n  tag: '1'\n").decode()
    content = {"apiVersion": "v1", "kind": "Secret", "data": {"values.yaml": text, "key": "AAECAw=="}}
    assert found(content) == [("a/b:1", TEXT, "data.values.yaml")]


def test_what_a_definition_gives_to_resources_that_name_none() -> None:
    schema = {
        "image": {"type": "string", "default": "quay.io/a/b"},
        "size": {"default": "1"},
        "other": {"description": "quay.io/a/c:1"},
    }
    content = {"kind": "CustomResourceDefinition", "spec": {"schema": {"properties": schema}}}
    assert found(content) == [("quay.io/a/b", TEXT, "spec.schema.properties.image.default")]


def test_a_text_says_its_image_once_and_with_the_tag_beside_it() -> None:
    text = json.dumps({"image": "a/b", "tag": "1"})
    assert found({"apiVersion": "v1", "kind": "ConfigMap", "data": {"x": text}}) == [
        ("a/b:1", TEXT, "data.x")
    ]


@pytest.mark.parametrize("kind", ["CronJob", "Job"])
def test_what_runs_at_times_and_hooks(kind: str) -> None:
    pod = {"spec": {"containers": [{"image": "a/b:1"}]}}
    spec = {"jobTemplate": {"spec": {"template": pod}}} if kind == "CronJob" else {"template": pod}
    content = {"apiVersion": "batch/v1", "kind": kind, "spec": spec}
    assert [(image, use) for image, use, _ in found(content)] == [("a/b:1", Use.CONTAINER)]


def test_a_patch_names_what_it_changes() -> None:
    patch = [{"op": "replace", "path": "/spec/image", "value": "busybox"}]
    content = {"apiVersion": "v1", "kind": "ConfigMap", "data": {"patch": json.dumps(patch)}}
    assert found(content) == [("busybox", TEXT, "data.patch")]
