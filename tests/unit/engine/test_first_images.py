"""What a new host fetches ahead: its own first images, and no others."""

from slipway import catalog
from slipway.api import read
from slipway.api.read import load
from slipway.engine.hosts import first_images
from slipway.settings import data_dir
from tests.unit.planning.model import bundle, document


def test_each_host_fetches_what_its_first_pods_need() -> None:
    configuration = load(data_dir() / "inventories" / "demo" / "cluster.yaml")
    images = first_images(configuration, catalog.load(), bundle())
    names = {
        host: {image.rpartition(":")[0].rpartition("/")[2] for image in wanted}
        for host, wanted in images.items()
    }
    worker = {"flannel", "flannel-cni-plugin", "kube-proxy", "pause"}
    own = {"coredns", "etcd", "kube-apiserver", "kube-controller-manager", "kube-scheduler"}
    assert names == {"cp-01": worker | own, "worker-01": worker, "worker-02": worker}


def test_beside_docker_they_have_the_sites_names_but_for_what_pods_stand_on() -> None:
    docker = {
        "name": "d",
        "address": "10.0.0.9",
        "roles": ["worker"],
        "settings": {"runtime": {"type": "docker"}},
    }
    made = document()
    made["spec"]["hosts"]["items"].append(docker)
    images = first_images(read.parse(made), catalog.load(), bundle())
    assert set(images) == {host["name"] for host in made["spec"]["hosts"]["items"]} - {"d"}
    for wanted in images.values():
        site = [image for image in wanted if image.startswith("registry.slipway.internal:5000/")]
        assert {image.rpartition(":")[0] for image in set(wanted) - set(site)} == {"registry.k8s.io/pause"}
