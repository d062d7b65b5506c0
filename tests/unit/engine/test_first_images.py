"""What a new host fetches ahead: its own first images, and no others."""

from slipway import catalog
from slipway.api.read import load
from slipway.engine.hosts import first_images
from slipway.settings import data_dir


def test_each_host_fetches_what_its_first_pods_need() -> None:
    configuration = load(data_dir() / "inventories" / "demo" / "cluster.yaml")
    images = first_images(configuration, catalog.load())
    names = {
        host: {image.rpartition(":")[0].rpartition("/")[2] for image in wanted}
        for host, wanted in images.items()
    }
    worker = {"flannel", "flannel-cni-plugin", "kube-proxy", "pause"}
    own = {"coredns", "etcd", "kube-apiserver", "kube-controller-manager", "kube-scheduler"}
    assert names == {"cp-01": worker | own, "worker-01": worker, "worker-02": worker}
