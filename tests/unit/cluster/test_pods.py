"""What is read of a Pod for who explains what left the site."""

from typing import Any

import pytest

from slipway.cluster.condition.pods import pod_seen
from slipway.model.egress import Mention

MAPS = {
    ("shop", "urls"): "first.example",
    ("shop", "files"): "second.example",
    ("other", "urls"): "third.example",
}


def pod(spec: dict[str, Any], status: dict[str, Any] | None = None) -> dict[str, Any]:
    meta = {"namespace": "shop", "name": "web-1", "annotations": {"docs": "https://docs.example"}}
    return {"metadata": meta, "spec": {"nodeName": "worker-1", **spec}, "status": status or {}}


def test_every_text_that_may_hold_a_name_is_there_with_its_place_and_image() -> None:
    container = {
        "name": "web",
        "image": "quay.io/shop/web:1",
        "env": [
            {"name": "URL", "value": "https://api.example"},
            {"name": "SECRET", "valueFrom": {"secretKeyRef": {"name": "s", "key": "k"}}},
            {"name": "MAPPED", "valueFrom": {"configMapKeyRef": {"name": "urls", "key": "k"}}},
        ],
        "envFrom": [{"configMapRef": {"name": "urls"}}, {"secretRef": {"name": "s"}}],
        "command": ["sh", "-c"],
        "args": ["wget args.example"],
    }
    spec = {
        "containers": [container],
        "initContainers": [{"name": "first", "image": "busybox"}],
        "volumes": [
            {"name": "a", "configMap": {"name": "files"}},
            {
                "name": "b",
                "projected": {"sources": [{"configMap": {"name": "gone"}}, {"secret": {"name": "s"}}]},
            },
            {"name": "c", "emptyDir": {}},
        ],
    }
    seen = pod_seen(pod(spec), MAPS)
    image = "quay.io/shop/web:1"
    assert seen.images == ("busybox", image)
    assert [one for one in seen.mentions if one.text] == [
        Mention("image", "busybox", "busybox"),
        Mention("image", image, image),
        Mention("environment URL", "https://api.example", image),
        Mention("command", "sh -c", image),
        Mention("args", "wget args.example", image),
        Mention("ConfigMap urls", "first.example", image),
        Mention("ConfigMap files", "second.example"),
        Mention("annotation docs", "https://docs.example"),
    ]


@pytest.mark.parametrize(
    ("spec", "cluster_dns"),
    [
        ({}, True),
        ({"dnsPolicy": "ClusterFirst", "hostNetwork": True}, False),
        ({"dnsPolicy": "ClusterFirstWithHostNet", "hostNetwork": True}, True),
        ({"dnsPolicy": "Default"}, False),
        ({"dnsPolicy": "None"}, False),
    ],
)
def test_who_asks_the_name_servers_of_the_node(spec: dict[str, Any], cluster_dns: bool) -> None:
    assert pod_seen(pod(spec), {}).cluster_dns is cluster_dns


@pytest.mark.parametrize(
    ("phase", "address"),
    [("Running", "10.244.1.5"), ("Pending", "10.244.1.5"), ("Succeeded", ""), ("Failed", "")],
)
def test_an_ended_pod_has_no_address_any_more(phase: str, address: str) -> None:
    assert (
        pod_seen(pod({}, {"phase": phase, "podIP": "10.244.1.5", "hostIP": "10.0.0.1"}), {}).address
        == address
    )


def test_images_that_could_not_be_pulled_are_known() -> None:
    def state(image: str, **state: Any) -> dict[str, Any]:
        return {"name": "c", "image": image, "state": state}

    status = {
        "containerStatuses": [
            state("a:1", waiting={"reason": "ImagePullBackOff"}),
            state("b:1", waiting={"reason": "CrashLoopBackOff"}),
            state("c:1", running={}),
        ],
        "initContainerStatuses": [state("d:1", waiting={"reason": "ErrImagePull"})],
    }
    assert pod_seen(pod({}, status), {}).waiting == ("d:1", "a:1")
