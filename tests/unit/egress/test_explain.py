"""Every folder of cases/: who may have sent what was counted, and what holds for all of them."""

import pytest

from slipway.model.egress import Flow, Mention, PodSeen, Surroundings
from slipway.planning.egress import explain, parse_flows
from slipway.planning.egress.names import folded, mentioned, registry_of
from tests.unit.egress.example import expected, given, names, outcome

every = pytest.mark.parametrize("name", names())


@every
def test_the_explanation_is_the_expected_one(name: str) -> None:
    assert outcome(name) == expected(name)


@every
def test_all_that_was_counted_is_in_a_row(name: str) -> None:
    records, around = given(name)
    rows = explain(records, around)
    packets = sum(row.count for row in rows if row.what == "packets")
    questions = sum(row.count for row in rows if row.what == "questions")
    assert packets == max(records.packets, sum(one.count for one in records.sent))
    assert questions == max(records.questions, sum(one.count for one in records.asked))


@every
def test_with_nobody_known_nothing_is_taken_for_the_clusters_own_packets(name: str) -> None:
    records, _ = given(name)
    rows = explain(records, Surroundings())
    assert all(row.outside for row in rows if row.what == "packets")
    assert not any(row.candidates for row in rows)


@every
def test_what_a_pod_is_started_with_is_never_shown(name: str) -> None:
    records, around = given(name)
    shown = repr(explain(records, around))
    secret = [one.text for pod in around.pods or () for one in pod.mentions if one.where != "image"]
    assert not [text for text in secret if text in shown]


CONNTRACK = """\
tcp      6 118 SYN_SENT src=10.244.2.6 dst=192.0.2.7 sport=51234 dport=443 [UNREPLIED] src=192.0.2.7 dst=10.0.0.22 sport=443 dport=51234 mark=0 use=1
udp      17 25 src=10.0.0.22 dst=192.0.2.123 sport=123 dport=123 [UNREPLIED] src=192.0.2.123 dst=10.0.0.22 sport=123 dport=123 mark=0 use=1
icmp     1 29 src=10.244.2.5 dst=198.51.100.9 type=8 code=0 id=7 [UNREPLIED] src=198.51.100.9 dst=10.0.0.22 type=0 code=0 id=7 mark=0 use=1
conntrack v1.4.7 (conntrack-tools): 3 flow entries have been shown.
"""  # noqa: E501 - as it is printed

FLOWS = [
    Flow("worker-2", "10.244.2.6", "192.0.2.7", "tcp", 443),
    Flow("worker-2", "10.0.0.22", "192.0.2.123", "udp", 123),
    Flow("worker-2", "10.244.2.5", "198.51.100.9", "icmp"),
]


def test_a_connection_is_read_as_it_was_begun() -> None:
    assert list(parse_flows("worker-2", CONNTRACK)) == FLOWS


def test_the_kernels_own_file_says_the_same() -> None:
    text = "".join(f"ipv4     2 {line}\n" for line in CONNTRACK.splitlines()[:3])
    assert list(parse_flows("worker-2", text)) == FLOWS


@pytest.mark.parametrize("text", ["", "\n", "tcp 6", "src=1 dst=2", "cat: no such file"])
def test_lines_that_are_no_connections_say_nothing(text: str) -> None:
    assert list(parse_flows("worker-2", text)) == []


@pytest.mark.parametrize(
    ("asked", "meant", "namespace", "inside"),
    [
        ("quay.io", "quay.io", "", False),
        ("Quay.IO.", "quay.io", "", False),
        ("quay.io.shop.svc.cluster.local", "quay.io", "shop", False),
        ("quay.io.svc.cluster.local", "quay.io", "", False),
        ("quay.io.cluster.local", "quay.io", "", False),
        ("quay.io.corp.example", "quay.io", "", False),
        ("gitlab.corp.example", "gitlab.corp.example", "", False),
        ("web.shop.svc.cluster.local", "web.shop.svc.cluster.local", "", True),
        ("web.shop.other.svc.cluster.local", "web.shop.other.svc.cluster.local", "", True),
        ("10-244-2-6.shop.pod.cluster.local", "10-244-2-6.shop.pod.cluster.local", "", True),
        ("web.cluster.local", "web.cluster.local", "", True),
        ("notcluster.local", "notcluster.local", "", False),
    ],
)
def test_what_a_search_list_put_behind_a_name_is_taken_off(
    asked: str, meant: str, namespace: str, inside: bool
) -> None:
    assert folded(asked, "cluster.local", ["corp.example"], {"shop", "other"}) == (meant, namespace, inside)


@pytest.mark.parametrize(
    ("text", "found"),
    [
        ("https://api.vendor.example/v1", True),
        ("API.Vendor.Example:443", True),
        ("the host api.vendor.example.", True),
        ("x.api.vendor.example", False),
        ("api.vendor.example.org", False),
        ("api-vendor.example", False),
        ("my-api.vendor.example", False),
    ],
)
def test_only_the_whole_name_is_a_mention(text: str, found: bool) -> None:
    pod = PodSeen("shop", "web-1", mentions=(Mention("args", text, "image:1"),))
    assert list(mentioned(pod, "api.vendor.example")) == ([("args", "image:1")] if found else [])


@pytest.mark.parametrize(
    ("image", "host"),
    [
        ("busybox", "docker.io"),
        ("grafana/grafana:11", "docker.io"),
        ("quay.io/a/b@sha256:0", "quay.io"),
        ("harbor.example:8443/a/b:1", "harbor.example"),
    ],
)
def test_the_registry_of_an_image(image: str, host: str) -> None:
    assert registry_of(image) == host
