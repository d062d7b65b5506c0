"""The site's name server: what it reads, what it answers, what it counts."""

import json
import struct
from pathlib import Path

import pytest
from hypothesis import given
from hypothesis import strategies as st

from slipway.lab import Egress, resolver
from slipway.model.egress import Asked, Sent


def question(name: str, kind: int = 1, flags: int = 0x0100, count: int = 1) -> bytes:
    labels = b"".join(bytes([len(label)]) + label.encode() for label in name.split(".") if label)
    return struct.pack("!6H", 77, flags, count, 0, 0, 0) + labels + b"\0" + struct.pack("!2H", kind, 1)


def test_answers_no_such_name_with_the_question_repeated() -> None:
    query = question("Registry.K8s.IO", 28)
    answered = resolver.answer(query)
    assert answered is not None
    reply, name, kind = answered
    assert (name, kind) == ("registry.k8s.io", 28)
    assert struct.unpack_from("!6H", reply) == (77, 0x8183, 1, 0, 0, 0)
    assert reply[12:] == query[12:]


def test_leaves_out_what_follows_the_question() -> None:
    with_edns = question("a.example") + b"\0\0\x29\x10\0\0\0\0\0\0\0"
    assert resolver.answer(with_edns) == resolver.answer(question("a.example"))


@pytest.mark.parametrize(
    "query", [b"", b"\0" * 11, question("a.b")[:-1], question("a.b", flags=0x8180), question("a.b", count=2)]
)
def test_ignores_what_is_no_question(query: bytes) -> None:
    assert resolver.answer(query) is None


@given(st.binary(max_size=64))
def test_survives_any_bytes(query: bytes) -> None:
    resolver.answer(query)


@pytest.mark.parametrize(
    ("name", "kind", "outside"),
    [
        ("registry.k8s.io", 1, True),
        ("example.com", 16, True),
        (resolver.CONTROL_NAME, 1, True),
        ("notinternal.example", 1, True),
        ("", 2, False),
        ("node-1", 1, False),
        ("api.demo.internal", 1, False),
        ("printer.local", 12, False),
        ("21.0.77.10.in-addr.arpa", 12, False),
        ("4711.815", resolver.HINFO, False),
        ("4711.815", 1, True),
    ],
)
def test_counts_only_what_somebody_outside_could_answer(name: str, kind: int, outside: bool) -> None:
    assert resolver.is_outside(name, kind) is outside


def test_adds_up_outside_names_by_who_asked_and_for_what(tmp_path: Path) -> None:
    log = tmp_path / "dns.jsonl"
    assert resolver.counted(log) == ()
    first, second = "10.0.0.1", "10.0.0.2"
    entries = [
        (first, "a.example", "A", True),
        (first, "node-1", "A", False),
        (second, "a.example", "A", True),
        (first, "a.example", "A", True),
        (first, "a.example", "AAAA", True),
    ]
    keys = ("node", "name", "type", "outside")
    log.write_text("".join(json.dumps(dict(zip(keys, entry, strict=True))) + "\n" for entry in entries))
    assert resolver.counted(log) == (
        Asked(first, "a.example", "A", 2),
        Asked(second, "a.example", "A", 1),
        Asked(first, "a.example", "AAAA", 1),
    )


def test_the_sums_by_target_are_those_of_the_parts() -> None:
    sent = [Sent("10.0.0.1", "192.0.2.1", "tcp", 3, 443), Sent("10.0.0.2", "192.0.2.1", "udp", 2, 123)]
    seen = Egress.of(
        6, sent, [Asked("10.0.0.1", "a.example", "A", 2), Asked("10.0.0.2", "a.example", "A", 1)]
    )
    assert (seen.packets, seen.destinations) == (6, {"192.0.2.1": 5})
    assert (seen.questions, seen.names) == (3, {"a.example": 3})
    assert Egress.of(0, [], []) == Egress()
