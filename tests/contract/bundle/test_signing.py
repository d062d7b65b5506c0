"""Signed bundles, as the command line signs and checks them, and as OpenSSH knows the keys."""

import json
import subprocess
import sys
from pathlib import Path

import pytest

from slipway.bundle.form import manifest as manifests
from slipway.bundle.form.layout import OCI_MANIFEST
from slipway.bundle.form.packing import CURRENT, MANIFEST_REPOSITORY
from slipway.bundle.site.push import push
from slipway.bundle.site.source import DirectorySource, RegistrySource
from slipway.errors import BundleError
from tests.bundles import small_bundle
from tests.registries import running_registry

Completed = subprocess.CompletedProcess[str]


def slipway(*arguments: str | Path) -> Completed:
    program = Path(sys.executable).with_name("slipway")
    return subprocess.run([program, "bundle", *arguments], capture_output=True, text=True, check=False)


@pytest.fixture
def bundle(tmp_path: Path) -> Path:
    small_bundle(tmp_path / "bundle")
    return tmp_path / "bundle"


@pytest.fixture
def key(tmp_path: Path) -> Path:
    assert slipway("keygen", tmp_path / "key", "--comment", "site").returncode == 0
    return tmp_path / "key"


def public(key: Path) -> str:
    return key.with_name(f"{key.name}.pub").read_text().strip()


def test_keys_are_openssh_s_and_private(key: Path) -> None:
    assert key.stat().st_mode & 0o777 == 0o600
    shown = subprocess.run(["ssh-keygen", "-l", "-f", key], capture_output=True, text=True, check=True).stdout
    derived = subprocess.run(
        ["ssh-keygen", "-y", "-f", key], capture_output=True, text=True, check=True
    ).stdout
    assert "(ED25519)" in shown
    assert derived.split()[:2] == public(key).split()[:2]
    assert public(key).endswith(" site")
    again = slipway("keygen", key)
    assert again.returncode == 7
    assert "there is a file already" in again.stderr


def test_a_key_of_openssh_signs_too(bundle: Path, tmp_path: Path) -> None:
    other = tmp_path / "other"
    subprocess.run(["ssh-keygen", "-q", "-t", "ed25519", "-N", "", "-f", other], check=True)
    assert slipway("sign", bundle, "--key", other).returncode == 0
    assert slipway("verify", bundle, "--key", f"{other}.pub").returncode == 0


def test_only_what_a_trusted_key_signed_is_taken(bundle: Path, key: Path, tmp_path: Path) -> None:
    source = DirectorySource(bundle, [public(key)])
    with pytest.raises(BundleError, match="is not signed") as caught:
        source.manifest()
    assert "slipway bundle sign" in caught.value.hint
    assert slipway("verify", bundle).returncode == 0
    assert slipway("verify", bundle, "--key", f"{key}.pub").returncode == 7
    said = slipway("sign", bundle, "--key", key)
    assert "signed by SHA256:" in said.stdout
    assert slipway("verify", bundle, "--key", f"{key}.pub").returncode == 0
    assert source.manifest() == manifests.read(bundle)
    slipway("keygen", tmp_path / "stranger")
    refused = slipway("verify", bundle, "--key", tmp_path / "stranger.pub")
    assert refused.returncode == 7
    assert "not signed by a trusted key" in refused.stderr
    both = slipway("verify", bundle, "--key", tmp_path / "stranger.pub", "--key", f"{key}.pub")
    assert both.returncode == 0


@pytest.mark.parametrize("change", ["manifest", "signature", "nonsense", "format"])
def test_what_was_changed_since_is_refused(bundle: Path, key: Path, change: str) -> None:
    slipway("sign", bundle, "--key", key)
    signature = bundle / manifests.SIGNATURE
    if change == "manifest":  # another one, which is right in itself
        text = signature.read_text()
        small_bundle(bundle, seed=2)
        assert not signature.exists()  # a signature goes with what it signed
        signature.write_text(text)
    elif change == "nonsense":
        signature.write_text("{")
    else:
        data = json.loads(signature.read_text())
        other = {"format": 3} if change == "format" else {"signature": data["signature"][::-1]}
        signature.write_text(json.dumps(data | other))
    refused = slipway("verify", bundle, "--key", f"{key}.pub")
    assert refused.returncode == 7
    assert manifests.SIGNATURE in refused.stderr
    with pytest.raises(BundleError):
        DirectorySource(bundle, [public(key)]).manifest()


def test_the_same_bundle_built_again_stays_signed(bundle: Path, key: Path) -> None:
    slipway("sign", bundle, "--key", key)
    small_bundle(bundle)
    assert slipway("verify", bundle, "--key", f"{key}.pub").returncode == 0


def test_a_signature_travels_with_its_bundle(bundle: Path, key: Path, tmp_path: Path) -> None:
    slipway("sign", bundle, "--key", key)
    assert slipway("export", bundle, "-o", tmp_path / "usb").returncode == 0
    assert slipway("import", tmp_path / "usb", "-o", tmp_path / "in").returncode == 0
    assert slipway("verify", tmp_path / "in", "--key", f"{key}.pub").returncode == 0


def test_what_is_no_key_is_said_to_be_none(bundle: Path, tmp_path: Path) -> None:
    (tmp_path / "bad").write_text("nothing")
    for refused in (
        slipway("sign", bundle, "--key", tmp_path / "bad"),
        slipway("verify", bundle, "--key", tmp_path / "bad"),
    ):
        assert refused.returncode == 7
        assert "key" in refused.stderr


def test_a_site_takes_from_its_registry_only_what_a_trusted_key_signed(
    bundle: Path, key: Path, tmp_path: Path
) -> None:
    """Whoever may push may not say what the site runs."""
    with running_registry(tmp_path / "registry", tmp_path / "data") as registry:
        client = registry.client()
        source = RegistrySource(client, tmp_path / "cache", [public(key)])
        push(bundle, client)
        with pytest.raises(BundleError, match="is not signed"):
            source.manifest()
        slipway("sign", bundle, "--key", key)
        assert push(bundle, client).artifacts_copied == 0
        assert source.manifest() == manifests.read(bundle)
        text, _ = client.get_manifest(MANIFEST_REPOSITORY, CURRENT)
        small_bundle(tmp_path / "other", seed=2)
        push(tmp_path / "other", client)
        with pytest.raises(BundleError, match="is not signed"):
            source.manifest()
        forged, _ = client.get_manifest(MANIFEST_REPOSITORY, CURRENT)
        notes = {"annotations": json.loads(text)["annotations"]}
        client.put_manifest(
            MANIFEST_REPOSITORY, CURRENT, json.dumps(json.loads(forged) | notes).encode(), OCI_MANIFEST
        )
        with pytest.raises(BundleError, match="changed after it was signed"):
            source.manifest()
        assert RegistrySource(client, tmp_path / "cache").manifest() == manifests.read(tmp_path / "other")
