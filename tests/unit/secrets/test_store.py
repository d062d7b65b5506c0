"""The secret store: file modes, references, digests; and the site's own secrets after damage of any kind."""

import hashlib
import hmac
import stat
from pathlib import Path
from typing import Any

import bcrypt
import pytest
from cryptography import x509

from slipway.errors import ConfigurationError
from slipway.secrets import MappedSecrets, SecretStore, digests_of, ensure_key, ensure_site, site_id

NAMES: dict[str, Any] = {"registry_name": "registry.slipway.internal", "registry_addresses": ("10.75.0.11",)}


@pytest.fixture
def store(tmp_path: Path) -> SecretStore:
    return SecretStore(tmp_path / "secrets")


def contents(store: SecretStore) -> dict[str, bytes]:
    return {
        str(p.relative_to(store.directory)): p.read_bytes() for p in store.directory.rglob("*") if p.is_file()
    }


def test_written_files_are_for_the_owner_only(store: SecretStore) -> None:
    store.write("ssh/id_ed25519", b"one")
    store.write("ssh/id_ed25519", b"two")
    assert store.read("ssh/id_ed25519") == b"two"
    modes = {p.name: stat.S_IMODE(p.stat().st_mode) for p in [store.directory, *store.directory.rglob("*")]}
    assert modes == {"secrets": 0o700, "ssh": 0o700, "id_ed25519": 0o600}


@pytest.mark.parametrize("mode", [0o640, 0o604, 0o660, 0o777])
def test_a_file_that_others_can_read_is_refused_and_says_chmod(store: SecretStore, mode: int) -> None:
    store.write("ssh/key", b"hush")
    store.path("ssh/key").chmod(mode)
    with pytest.raises(ConfigurationError, match="chmod 0600") as caught:
        store.read("ssh/key")
    assert "hush" not in str(caught.value)


@pytest.mark.parametrize("reference", ["", "a", "/etc/passwd", "../x/y", "a/../b", "a/b/c", "A/b", "a/"])
def test_only_name_and_key_make_a_reference(store: SecretStore, reference: str) -> None:
    with pytest.raises(ConfigurationError, match="NAME/KEY"):
        store.read(reference)


def test_a_missing_secret_says_where_to_put_it(store: SecretStore) -> None:
    with pytest.raises(ConfigurationError, match="secrets/ssh/key"):
        store.read("ssh/key")
    with pytest.raises(ConfigurationError, match="secrets/ssh/key"):
        MappedSecrets({}).read("ssh/key")


def test_digests_are_hmacs_of_what_exists(store: SecretStore) -> None:
    store.write("a/b", b"value")
    expected = hmac.new(b"key", b"value", hashlib.sha256).hexdigest()
    assert digests_of(store, ["a/b", "no/ne"], b"key") == {"a/b": expected}


def test_site_secrets_stay_as_they_are_and_belong_together(store: SecretStore) -> None:
    ensure_site(store, **NAMES)
    before = contents(store)
    ensure_site(store, **NAMES)
    assert contents(store) == before
    assert len(before) == 9
    ca = x509.load_pem_x509_certificate(before["slipway-registry/ca.crt"])
    tls = x509.load_pem_x509_certificate(before["slipway-registry/tls.crt"])
    tls.verify_directly_issued_by(ca)
    accounts = dict(line.split(b":") for line in before["slipway-registry/pull.htpasswd"].split())
    for account in (b"pull", b"push"):
        user, password = before[f"slipway-registry/{account.decode()}"].split(b":")
        assert user == account
        assert bcrypt.checkpw(password, accounts[account])
    assert before["slipway-registry/push.htpasswd"].startswith(b"push:")
    assert before["slipway-registry/push.htpasswd"].count(b":") == 1


@pytest.mark.parametrize("lost", ["ca.crt", "ca.key", "tls.crt", "tls.key", "pull", "push", "pull.htpasswd"])
@pytest.mark.parametrize("how", ["deleted", "replaced"])
def test_any_single_damage_is_repaired(store: SecretStore, tmp_path: Path, lost: str, how: str) -> None:
    other = SecretStore(tmp_path / "other")
    ensure_site(store, **NAMES)
    ensure_site(other, **NAMES)
    reference = f"slipway-registry/{lost}"
    if how == "deleted":
        store.path(reference).unlink()
    else:
        store.write(reference, other.read(reference))
    ensure_site(store, **NAMES)
    test_site_secrets_stay_as_they_are_and_belong_together(store)


def test_a_new_address_gets_a_new_certificate_of_the_same_authority(store: SecretStore) -> None:
    ensure_site(store, **NAMES)
    authority, server = store.read("slipway-registry/ca.crt"), store.read("slipway-registry/tls.crt")
    ensure_site(
        store, registry_name="registry.slipway.internal", registry_addresses=("10.75.0.12", "10.76.0.12")
    )
    assert store.read("slipway-registry/ca.crt") == authority
    assert store.read("slipway-registry/tls.crt") != server


def test_site_identity_depends_on_key_and_name(store: SecretStore, tmp_path: Path) -> None:
    ensure_key(store)
    other = SecretStore(tmp_path / "other")
    ensure_key(other)
    assert site_id(store, "demo") == site_id(store, "demo")
    assert len({site_id(store, "demo"), site_id(store, "prod"), site_id(other, "demo")}) == 3
    assert len(site_id(store, "demo")) == 16
