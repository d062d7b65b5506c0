"""Answers of hosts (`hosts/NAME.txt`) and what they mean (`hosts/NAME.json`: all that is not the default)."""

import contextlib
import dataclasses
import json
import time
from pathlib import Path

import pytest

from slipway.model.observed import Drift, HostObserved
from slipway.model.record import Lock, Made, MadeKind, StepRecord
from slipway.model.survey import BlockDisk, CloudInit
from slipway.planning.drift import host_drift
from slipway.probe.parse import ReadError, parse_host
from slipway.probe.survey import parse_survey
from slipway.probe.things import parse_things
from slipway.secrets import SecretStore, ensure_site

EXAMPLES = sorted((Path(__file__).parent / "hosts").glob("*.txt"))
WHOLE = EXAMPLES[0].read_text()


@pytest.mark.parametrize("path", EXAMPLES, ids=lambda path: path.stem)
def test_example(path: Path) -> None:
    observed = dataclasses.asdict(parse_host("cp-01", path.read_text()))
    expected = dataclasses.asdict(HostObserved("cp-01"))
    wanted = json.loads(path.with_suffix(".json").read_text())
    expected["facts"].update(wanted.pop("facts"))
    expected["survey"].update(wanted.pop("survey", {}))
    expected.update(wanted)
    assert json.loads(json.dumps(observed)) == json.loads(json.dumps(expected))


@pytest.mark.parametrize(
    ("lock", "left"),
    [
        ('{"format": 1, "holder": "h", "epoch": 2, "expires": 1100}', 100.0),
        ('{"format": 1, "holder": "h", "epoch": 2, "expires": 12.5}', 0.0),
        ('{"format": 2, "holder": "h", "epoch": 2, "boot": "b", "until": 430}', 30.0),
        ('{"format": 2, "holder": "h", "epoch": 2, "boot": "b", "until": 0}', 0.0),
        ('{"format": 2, "holder": "h", "epoch": 2, "boot": "of before", "until": 430}', 0.0),
    ],
)
def test_what_is_left_of_a_lock(lock: str, left: float) -> None:
    text = f"time:\n 1000\n\nlock:\n {lock}\n\nboot:\n b\n\nuptime:\n 400.00 9.9\n\nend:\n complete\n"
    assert parse_host("cp-01", text).lock == Lock("h", 2, left)


@pytest.mark.parametrize(
    ("section", "content", "message"),
    [
        ("record", '{"format": 2, "steps": {}}', "newer Slipway"),
        ("record", "{", "damaged"),
        ("record", "[]", "no format"),
        ("record", '{"format": 1, "steps": {"r": {"parts": {}}}}', "digest"),
        ("pending", '{"format": 1, "r": {"operation": "o"}}', "damaged"),
        ("pending", '{"format": 1, "r": 3}', "damaged"),
        ("lock", '{"format": 1, "holder": "h", "epoch": "x", "expires": 1}', "damaged"),
        ("lock", '{"format": 3, "holder": "h", "epoch": 1}', "newer Slipway"),
    ],
)
def test_state_is_never_guessed_at(section: str, content: str, message: str) -> None:
    text = WHOLE.replace(f"{section}:\n", f"{section}:\n {content}\n")
    with pytest.raises(ReadError, match=message):
        parse_host("h", text)


@pytest.mark.parametrize("text", ["", "bash: fork: retry", WHOLE.partition("lock:")[0]])
def test_an_answer_that_was_cut_off_is_none(text: str) -> None:
    with pytest.raises(ReadError, match="incomplete"):
        parse_host("h", text)


@pytest.mark.parametrize("size", range(0, 1400, 7))
def test_whatever_a_host_answers_it_is_read_or_refused(size: int) -> None:
    """Never anything else, which would end the reading of all other hosts."""
    text = EXAMPLES[-1].read_text()
    for odd in ("\t", "\x1c", "{", "\0", "[" * 20_000, "9" * 5000, "inet", " "):
        with contextlib.suppress(ReadError):
            parse_host("h", text[:size] + odd + text[size:])


def test_drift_is_what_differs_from_the_record_and_nothing_that_others_did() -> None:
    a = (
        Made(MadeKind.FILE, "/changed", mode="0644", digest="33"),
        Made(MadeKind.FILE, "/gone", digest="44"),
        Made(MadeKind.FILE, "/kept", mode="0644", digest="55"),
        Made(MadeKind.UNIT, "x.service", state="enabled active"),
        Made(MadeKind.UNIT, "y.service", state="enabled active"),
        Made(MadeKind.UNIT, "z.service", state="enabled active"),
        Made(MadeKind.RULES, "x.service", state="there"),
    )
    b = (
        Made(MadeKind.FILE, "/gone", digest="44"),
        Made(MadeKind.PACKAGE, "curl", state="1"),
        Made(MadeKind.PACKAGE, "socat", state="1"),
        Made(MadeKind.PARAMETER, "net.ipv4.ip_forward", state="1"),
        Made(MadeKind.PARAMETER, "kernel.hostname", state="h"),
        Made(MadeKind.STOPPED, "ufw.service", state="disabled inactive"),
        Made(MadeKind.USER, "slipway-registry", state="there"),
    )
    lines = ["listed\t13", "path\tf\t600\t0\t0\t9\t/changed\t", "path\tf\t644\t0\t0\t9\t/kept\t"]
    lines += [
        "path\tf\t644\t0\t0\t9\t/nobody's\t",
        "digest\t34\t/changed",
        "digest\t55\t/kept",
        "nonsense",
        "",
    ]
    lines += ["diff\t/changed", "|-old", "|+new", "diff\t/nobody's", "|+secret"]
    lines += [
        "unit\tNames\tx.service other.service",
        "unit\tUnitFileState\tenabled",
        "unit\tActiveState\tfailed",
        "unit\t",
    ]
    lines += ["unit\tActiveState\tactive", "unit\tUnitFileState\tmasked", "unit\tNames\ty.service", "unit\t"]
    lines += ["unit\tNames\tufw.service", "unit\tUnitFileState\tenabled", "unit\tActiveState\tactive"]
    lines += ["package\tcurl", "parameter\tnet.ipv4.ip_forward\t0"]
    assert host_drift(
        "h", {"a": StepRecord("d", made=a), "b": StepRecord("d", made=b)}, parse_things(lines)
    ) == (
        Drift("host/h/a", "/changed", "its mode is 0600 instead of 0644, changed", "-old\n+new"),
        Drift("host/h/a", "/gone", "missing"),
        Drift("host/h/a", "rules x.service", "missing"),
        Drift("host/h/a", "unit x.service", "failed"),
        Drift("host/h/a", "unit y.service", "masked"),
        Drift("host/h/a", "unit z.service", "missing"),
        Drift("host/h/b", "/gone", "missing"),
        Drift("host/h/b", "package socat", "missing"),
        Drift("host/h/b", "parameter kernel.hostname", "missing"),
        Drift("host/h/b", "parameter net.ipv4.ip_forward", "0 instead of 1"),
        Drift("host/h/b", "unit ufw.service", "runs again"),
        Drift("host/h/b", "user slipway-registry", "missing"),
    )


CLOUD, OWN, USER = (
    "/etc/cloud/cloud.cfg",
    "/etc/cloud/cloud.cfg.d/99.cfg",
    "/var/lib/cloud/instance/cloud-config.txt",
)


@pytest.mark.parametrize(
    ("lines", "found"),
    [
        ((), CloudInit()),
        (("runs",), CloudInit(hostname=True)),
        (("runs", f"{CLOUD}:preserve_hostname: true"), CloudInit()),
        (("runs", f"{CLOUD}:manage_etc_hosts: true # ours"), CloudInit(CLOUD, hostname=True)),
        (("runs", f"{CLOUD}:manage_etc_hosts: localhost"), CloudInit(hostname=True)),
        (("runs", f'{CLOUD}:manage_etc_hosts: "template"'), CloudInit(CLOUD, hostname=True)),
        (
            ("runs", f"{CLOUD}:manage_etc_hosts: true", f"{OWN}:manage_etc_hosts: false"),
            CloudInit(hostname=True),
        ),
        (
            ("runs", f"{OWN}:manage_etc_hosts: false", f"{USER}:manage_etc_hosts: Yes"),
            CloudInit(USER, hostname=True),
        ),
    ],
)
def test_what_cloud_init_does_to_names_is_what_its_last_setting_says(
    lines: tuple[str, ...], found: CloudInit
) -> None:
    assert parse_survey({"cloud-init": lines}).cloud_init == found


BLOCKS = """\
disk wwn-0x5000c500a1b2c3d4
NAME="/dev/sdb" TYPE="disk" SIZE="1000204886016" SERIAL="S1" PARTLABEL="" MOUNTPOINT=""
NAME="/dev/sdb1" TYPE="part" SIZE="1000203091968" SERIAL="" PARTLABEL="old data" MOUNTPOINT="/srv/old"
NAME="/dev/mapper/vg-lv" TYPE="lvm" SIZE="1000" SERIAL="" PARTLABEL="" MOUNTPOINT=""
signature /dev/sdb gpt
signature /dev/sdb1 LVM2_member
disk S2
NAME="/dev/sdc" TYPE="disk" SIZE="1073741824" SERIAL="S2" PARTLABEL="" MOUNTPOINT=""
disk S3
"""


def test_data_disks_full_empty_and_missing() -> None:
    assert parse_survey({"blocks": BLOCKS.splitlines()}).disks == (
        BlockDisk(
            "wwn-0x5000c500a1b2c3d4",
            device="/dev/sdb",
            serial="S1",
            size=1000204886016,
            signatures=("/dev/sdb gpt", "/dev/sdb1 LVM2_member"),
            labels=("old data",),
            uses=("/dev/sdb1 at /srv/old", "/dev/mapper/vg-lv (lvm)"),
        ),
        BlockDisk("S2", device="/dev/sdc", serial="S2", size=1 << 30),
        BlockDisk("S3"),
    )


def test_mounts_are_told_apart_by_the_deepest_and_the_last() -> None:
    lines = [
        "/ rw,relatime",
        "/var rw,noexec",
        "/mnt/with\\040blank ro",
        "/var rw,nodev,noexec",
        "/var/lib rw",
    ]
    survey = parse_survey({"mountpoints": lines})
    assert survey.mount_of("/var/lib/kubelet") == ("/var/lib", ("rw",))
    assert survey.mount_of("/var/libx") == ("/var", ("rw", "nodev", "noexec"))
    assert survey.mount_of("/mnt/with blank/x") == ("/mnt/with blank", ("ro",))
    assert survey.mount_of("/opt") == ("/", ("rw", "relatime"))
    assert parse_survey({}).mount_of("/opt") == ("", ())


def test_networks_are_what_a_runtime_reads() -> None:
    lines = ["05-old.conflist", "10-flannel.conflist", "README", "a.conf.bak", "z.json"]
    assert parse_survey({"cni": lines}).cni == ("05-old.conflist", "10-flannel.conflist", "z.json")


@pytest.mark.parametrize(
    ("lines", "lost", "immutable"),
    [
        ((), "", ()),
        (("dangling ",), "missing", ()),
        (("dangling ../run/stub.conf", "immutable /etc/hosts"), "../run/stub.conf", ("/etc/hosts",)),
    ],
)
def test_names_that_lead_nowhere_or_cannot_be_written(
    lines: tuple[str, ...], lost: str, immutable: tuple[str, ...]
) -> None:
    survey = parse_survey({"names": lines})
    assert (survey.resolver_lost, survey.immutable) == (lost, immutable)


def test_host_keys_are_told_as_ssh_keygen_does() -> None:
    """The key is that of RFC 8032's first test vector, in OpenSSH's form."""
    key = "ssh-ed25519 AAAAC3NzaC1lZDI1NTE5AAAAINdamAGCsQq31Uv+08lkBzoO4XLz2qYjJa8CGmj3B1Ea"
    assert parse_survey({"host-keys": [key]}).host_keys == (
        "SHA256:bbXpuKG6zhzdmnxq256TlqzFBzRl2f6OOg722cYNbU8",
    )


def test_certificates_are_read_by_their_end_and_damaged_ones_left_out(tmp_path: Path) -> None:
    store = SecretStore(tmp_path)
    ensure_site(store, registry_name="r.site.internal", registry_addresses=("10.0.0.1",))
    text = store.read("slipway-registry/ca.crt").decode().splitlines()
    lines = [
        "file /a.crt",
        *text,
        "file /empty.crt",
        "file /damaged.crt",
        *text[:3],
        text[-1],
        "file /b.crt",
        *text,
    ]
    found = parse_survey({"certificates": lines}).certificates
    assert [one.path for one in found] == ["/a.crt", "/b.crt"]
    years = (found[0].expires - time.time()) / 365 / 86400
    assert years > 1


def test_tables_of_the_packet_filter() -> None:
    lines = ["table ip kube-proxy", "table inet slipway-services"]
    assert parse_survey({"tables": lines}).tables == ("ip kube-proxy", "inet slipway-services")
