"""Images in parts, in texts within texts, short, and beside a registry without a dot; what is undecided is told."""

import json
from typing import Any

import pytest

from slipway.catalog.references import Manifest, Use, references

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
    ],
    ids=["version", "tag", "digest", "registry", "number", "switched off", "no version"],
)
def test_an_image_in_parts(parts: dict[str, Any], image: str, use: Use) -> None:
    field = "spec.driver.image" if "image" in parts else "spec.driver.repository"
    assert found(custom({"driver": parts})) == [(image, use, field)]


@pytest.mark.parametrize(
    "parts",
    [
        {"repository": "https://charts.example.org", "version": "1.2"},
        {"repository": "github.com/example/code", "version": "main"},
        {"repository": "", "image": "", "version": ""},
    ],
)
def test_a_repository_of_something_else_is_no_image(parts: dict[str, Any]) -> None:
    assert found(custom({"source": parts})) == []


def test_objects_of_kubernetes_itself_have_no_images_in_parts() -> None:
    data = {"repository": "a.io/b", "image": "c", "version": "1"}
    assert found({"apiVersion": "v1", "kind": "ConfigMap", "data": data}) == []


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
