"""Mistakes with secrets: what is no secret of its kind is refused before anything is made of it.

An empty site key is everybody's; a push account without a password is too; a file in a directory where others write is
whatever they put there.
"""

import os
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest

from slipway.api import read
from slipway.engine.secretforms import form_findings
from slipway.errors import ConfigurationError
from slipway.probe.access import Logins
from slipway.secrets import SITE_KEY, MappedSecrets, SecretStore, ensure_key, ensure_site, site_id
from tests.unit.planning import model

NAMES: dict[str, Any] = {"registry_name": "registry.slipway.internal", "registry_addresses": ("10.75.0.11",)}
PUSH, PULL = "slipway-registry/push", "slipway-registry/pull"


@pytest.fixture
def store(tmp_path: Path) -> SecretStore:
    made = SecretStore(tmp_path / "secrets")
    ensure_site(made, **NAMES)
    return made


@pytest.mark.parametrize(
    "content",
    [b"", b"\n", b"00", b"0" * 63, b"0" * 66, b"no hexadecimal digits", b"\xff\xfe", b"0a" * 16 + b"  "],
)
def test_what_is_no_key_of_a_site_signs_nothing(store: SecretStore, content: bytes) -> None:
    """HMACs under it stand for secrets where others read them, and name the site."""
    store.write(SITE_KEY, content)
    for use in (
        lambda: ensure_site(store, **NAMES),
        lambda: ensure_key(store),
        lambda: site_id(store, "demo"),
    ):
        with pytest.raises(ConfigurationError, match="is no key of a site"):
            use()
    assert store.read(SITE_KEY) == content


@pytest.mark.parametrize("account", ["pull", "push"])
@pytest.mark.parametrize(
    "content",
    [b"", b"%s", b"%s:", b"%s: ", b":hunter2", b"root:hunter2", b"%s:a\nroot:b", b"%s:a b", b"%s:\xff\xfe"],
)
def test_what_is_no_account_of_the_registry_opens_none(
    store: SecretStore, account: str, content: bytes
) -> None:
    said = content.replace(b"%s", account.encode())
    before = store.read(f"slipway-registry/{account}.htpasswd")
    store.write(f"slipway-registry/{account}", said)
    with pytest.raises(ConfigurationError, match=f"slipway-registry/{account} is no account") as caught:
        ensure_site(store, **NAMES)
    assert "hunter2" not in str(caught.value)
    assert store.read(f"slipway-registry/{account}.htpasswd") == before


def test_a_password_that_is_cut_off_is_none(store: SecretStore) -> None:
    store.write(PUSH, b"push:" + b"x" * 73)
    with pytest.raises(ConfigurationError, match="more than 72"):
        ensure_site(store, **NAMES)


def test_what_every_host_has_pushes_nothing(store: SecretStore) -> None:
    """Neither the account nor its password."""
    pull = store.read(PULL)
    for copied in (pull, pull.replace(b"pull:", b"push:")):
        store.write(PUSH, copied)
        with pytest.raises(ConfigurationError, match=f"{PUSH} is no account"):
            ensure_site(store, **NAMES)


@pytest.mark.parametrize("which", ["secrets", "secrets/slipway-site"])
@pytest.mark.parametrize("mode", [0o777, 0o770, 0o707, 0o1777])
def test_what_others_may_exchange_is_nobodys_secret(store: SecretStore, which: str, mode: int) -> None:
    (store.directory.parent / which).chmod(mode)
    with pytest.raises(ConfigurationError, match="can be exchanged by others"):
        store.read(SITE_KEY)


@pytest.mark.skipif(os.geteuid() != 0, reason="only root gives files away")
def test_what_belongs_to_somebody_else_is_read_by_them(store: SecretStore) -> None:
    os.chown(store.path(SITE_KEY), 65534, 65534)
    with pytest.raises(ConfigurationError, match="belongs to the user 65534"):
        store.read(SITE_KEY)
    os.chown(store.directory, 65534, 65534)  # a user's workspace, looked at with sudo
    assert store.read(SITE_KEY)


def pipe(path: Path) -> None:
    os.mkfifo(path, 0o600)


def into_nowhere(path: Path) -> None:
    path.symlink_to(path.with_name("elsewhere"))


def itself(path: Path) -> None:
    path.symlink_to(path.name)


@pytest.mark.parametrize("made", [Path.mkdir, pipe, into_nowhere, itself], ids=lambda made: made.__name__)
@pytest.mark.parametrize("reference", [SITE_KEY, PUSH, "slipway-registry/ca.key"])
def test_nothing_is_made_anew_where_something_lies(
    store: SecretStore, reference: str, made: Callable[[Path], None]
) -> None:
    """A pipe was written to, for ever."""
    path = store.path(reference)
    path.unlink()
    made(path)
    with pytest.raises(ConfigurationError):
        ensure_site(store, **NAMES)
    assert not path.with_name("elsewhere").exists()


def with_defaults(**settings: Any) -> dict[str, Any]:
    document = model.base()
    document["spec"]["hosts"].setdefault("defaults", {}).update(settings)
    return document


def refused(document: dict[str, Any]) -> list[tuple[str, str]]:
    with pytest.raises(ConfigurationError) as caught:
        read.parse(document)
    return [(finding.path, finding.code) for finding in caught.value.findings]


def registry(name: str, key: str, field: str = "credentialsRef") -> dict[str, Any]:
    return {"registries": [{"name": "harbor.example", field: {"name": name, "key": key}}]}


@pytest.mark.parametrize(
    "name", ["slipway-registry", "slipway-site", "slipway-encryption", "slipway-host-keys"]
)
def test_what_slipway_keeps_for_itself_is_given_to_no_host(name: str) -> None:
    path = "spec.hosts.defaults.runtime.registries[0].credentialsRef.name"
    assert refused(with_defaults(runtime=registry(name, "push"))) == [(path, "reserved-secret")]
    logged_in = with_defaults(ssh={"passwordRef": {"name": name, "key": "push"}})
    assert refused(logged_in) == [("spec.hosts.defaults.ssh.passwordRef.name", "reserved-secret")]


def test_what_opens_hosts_is_written_onto_none() -> None:
    """Of all hosts, or of one alone."""
    path = "spec.hosts.defaults.runtime.registries[0].credentialsRef"
    assert refused(with_defaults(runtime=registry("ssh", "id_ed25519"))) == [(path, "login-given-away")]
    document = with_defaults(runtime=registry("sudo", "password", "caRef"))
    item = document["spec"]["hosts"]["items"][0]
    item["settings"] = {"ssh": {"become": {"secretRef": {"name": "sudo", "key": "password"}}}}
    assert refused(document) == [
        ("spec.hosts.defaults.runtime.registries[0].caRef", "login-given-away"),
    ]


def test_a_secret_of_ones_own_is_fine() -> None:
    read.parse(with_defaults(runtime=registry("harbor", "id_ed25519")))


ACCOUNT, PASSWORD, LOGIN = "harbor/account", "fs/password", "login/password"


def given(content: bytes | None, reference: str) -> list[tuple[str, str]]:
    """Findings, where one secret holds that, or is not there, and others are right."""
    document = with_defaults(
        runtime=registry("harbor", "account"),
        mounts={
            "data": {
                "type": "cephfs",
                "user": "x",
                "source": "10.0.0.50:/",
                "path": "/data",
                "secretRef": {"name": "fs", "key": "password"},
            }
        },
        ssh={"passwordRef": {"name": "login", "key": "password"}},
    )
    held = {ACCOUNT: b"me:hunter2 and more\n", PASSWORD: b"hunter2\n", LOGIN: b"hunter2\n"}
    changed = {**held, reference: content}
    secrets = MappedSecrets({name: value for name, value in changed.items() if value is not None})
    found = list(form_findings(read.parse(document).spec, secrets))
    assert "hunter2" not in str(found)
    return [(finding.path.rpartition(".")[2], finding.code) for finding in found]


FIELDS = {ACCOUNT: "credentialsRef", PASSWORD: "secretRef", LOGIN: "passwordRef"}


@pytest.mark.parametrize("reference", FIELDS)
@pytest.mark.parametrize(
    "content", [None, b"", b"\n", b"a:hunter2\nb:hunter2", b"a:hunter2\r\n\x00", b"\xff\xfe:\xff"]
)
def test_what_is_not_there_or_no_line_is_told_beforehand(reference: str, content: bytes | None) -> None:
    """In the middle of an apply before, or never."""
    assert given(content, reference) == [(FIELDS[reference], "secret-form")]


@pytest.mark.parametrize("content", [b"hunter2", b":hunter2", b"hunter2:"])
def test_half_an_account_is_none(content: bytes) -> None:
    assert given(content, ACCOUNT) == [("credentialsRef", "secret-form")]
    assert given(content, PASSWORD) == []


def test_what_is_no_certificate_is_told() -> None:
    spec = read.parse(with_defaults(runtime=registry("ca", "crt", "caRef"))).spec
    [finding] = form_findings(spec, MappedSecrets({"ca/crt": b"-----BEGIN PRIVATE KEY-----"}))
    assert (finding.path.rpartition(".")[2], finding.code) == ("caRef", "secret-form")


def test_bytes_that_are_no_text_are_no_fault_of_ours(tmp_path: Path) -> None:
    document = with_defaults(ssh={"passwordRef": {"name": "login", "key": "password"}})
    configuration = read.parse(document)
    assert configuration.spec.hosts
    logins = Logins(configuration.spec.hosts.ssh, MappedSecrets({LOGIN: b"\xff"}), tmp_path / "known_hosts")
    with pytest.raises(ConfigurationError, match="login/password is no text"):
        logins.to(configuration.hosts[0])


@pytest.mark.parametrize(
    "where",
    [
        {"ssh": {"passwordRef": "Hunter-2"}},
        {"ssh": {"passwordRef": {"name": "Hunter-2", "key": "password"}}},
        {"ssh": {"become": {"secretRef": {"name": "a", "key": "Hunter-2 "}}}},
        {"ssh": {"password": "Hunter-2"}},
        {"runtime": {"registries": [{"name": "harbor.example", "credentialsRef": "me:Hunter-2"}]}},
    ],
    ids=str,
)
def test_a_secret_in_the_place_of_its_name_is_not_repeated(where: dict[str, Any]) -> None:
    """Errors go to logs, and to conditions of the cluster."""
    with pytest.raises(ConfigurationError) as caught:
        read.parse(with_defaults(**where))
    assert caught.value.findings
    assert "Hunter-2" not in str(caught.value)


def test_a_private_key_in_the_place_of_a_public_one_is_not_repeated() -> None:
    document = model.base()
    document["spec"]["bundle"] = {"trustedKeys": ["-----BEGIN OPENSSH PRIVATE KEY----- Hunter-2"]}
    with pytest.raises(ConfigurationError) as caught:
        read.parse(document)
    assert "Hunter-2" not in str(caught.value)
