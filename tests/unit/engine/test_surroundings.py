"""What the ClusterConfiguration tells of packets that want out."""

from slipway.api import read
from slipway.engine.enquiry.egress import _known
from slipway.model.egress import Surroundings
from tests.unit.planning import model


def test_ranges_names_and_addresses_of_the_site() -> None:
    dns = {"hosts": {"defaults": {"dns": {"search": ["corp.example.org"]}}}}
    known = _known(read.parse(model.document(dns)), Surroundings(nodes={"10.0.0.99": "former"}))
    assert known.ranges == ("10.244.0.0/16", "10.96.0.0/16")
    assert known.nodes == {
        "10.0.0.99": "former",
        "10.0.0.11": "cp-01",
        "10.0.0.12": "worker-01",
        "10.0.0.13": "worker-02",
    }
    assert (known.domain, known.searches) == ("cluster.local", ("corp.example.org",))


def test_without_hosts_nothing_is_known_of_them() -> None:
    document = model.base() | {"spec": {"modules": {"welcome": {"enabled": True}}}}
    before = Surroundings()
    assert _known(read.parse(document), before) == before
