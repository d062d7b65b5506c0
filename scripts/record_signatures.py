"""Signs an image with the real cosign and notation, and records what they put beside it: `tests/signatures/`.

COSIGN=/path/cosign NOTATION=/path/notation PYTHONPATH=. python scripts/record_signatures.py

The tools are built by hand: `go install github.com/sigstore/cosign/v3/cmd/cosign@v3.1.3`; notation's command out of its
repository, since Go's proxy has only its library. They are no part of a test run: cosign takes 20 minutes on two
processors. Keys are made for a recording and thrown away with its directory; public ones and certificates are kept.
"""

import base64
import json
import os
import re
import subprocess
import sys
import tempfile
from collections.abc import Iterator
from contextlib import contextmanager
from datetime import UTC, datetime
from pathlib import Path

from cryptography import x509
from cryptography.hazmat.primitives import hashes
from cryptography.hazmat.primitives.asymmetric import ec
from cryptography.hazmat.primitives.serialization import Encoding, NoEncryption, PrivateFormat
from cryptography.x509.oid import ExtendedKeyUsageOID, NameOID

from slipway.bundle.form.layout import OCI_INDEX, stored_manifest
from slipway.bundle.registry.client import RegistryClient
from slipway.bundle.registry.referrers import list_tag, referrers_of
from tests.faulty import Faulty
from tests.listing import listing
from tests.registries import running_registry
from tests.signed import BYTES, PLACE, REPOSITORY
from tests.upstreams import digest_of, put_image

IMAGE = f"quay.io/{REPOSITORY}"
USAGES = (
    *("digital_signature", "content_commitment", "key_encipherment", "data_encipherment", "key_agreement"),
    *("key_cert_sign", "crl_sign", "encipher_only", "decipher_only"),
)
CODE = ExtendedKeyUsageOID.CODE_SIGNING
NAMES = {
    "C": NameOID.COUNTRY_NAME,
    "ST": NameOID.STATE_OR_PROVINCE_NAME,
    "O": NameOID.ORGANIZATION_NAME,
    "CN": NameOID.COMMON_NAME,
}
COSIGN = ["--yes", "--allow-http-registry", "--tlog-upload=false", "--use-signing-config=false"]
OLD = ["--new-bundle-format=false"]


class Workplace:
    """A directory with keys, and a registry with the image."""

    def __init__(self, root: Path, proxy: Faulty, image: str) -> None:
        self.root, self.proxy, self.image = root, proxy, image
        self.reference = f"{proxy.host}/{REPOSITORY}@{image}"

    def run(self, program: str, *argv: str, env: dict[str, str] | None = None) -> None:
        told = {"DOCKER_CONFIG": str(self.root), "COSIGN_PASSWORD": "", "XDG_CONFIG_HOME": str(self.root)}
        told |= {"HOME": str(self.root), "PATH": os.environ["PATH"], **(env or {})}
        subprocess.run([os.environ[program], *argv], cwd=self.root, env=told, check=True)

    def beside(self) -> tuple[dict[str, tuple[str, str]], list[str]]:
        """Manifests and blobs of what was put beside the image."""
        client = self.proxy.client()
        tag = f"{list_tag(self.image)}.sig"
        named = [item["digest"] for item in referrers_of(client, REPOSITORY, self.image)]
        named += [tag] if client.head_manifest(REPOSITORY, tag) else []
        return kept(client, named)


def kept(client: RegistryClient, references: list[str]) -> tuple[dict[str, tuple[str, str]], list[str]]:
    manifests, blobs = {}, {}
    for reference in references:
        text, _ = client.get_manifest(REPOSITORY, reference)
        node = stored_manifest(text)
        manifests[reference] = (node.media_type, text.decode())
        for digest in node.blobs:
            blobs[digest] = client.read_blob(REPOSITORY, digest).decode(BYTES)
    return manifests, list(blobs.values())


def write(name: str, tool: str, manifests: dict[str, tuple[str, str]], blobs: list[str]) -> None:
    data = {"tool": tool, "manifests": manifests, "blobs": blobs}
    (PLACE / f"{name}.json").write_text(json.dumps(data, indent=1) + "\n", encoding="utf-8")
    print(name)


@contextmanager
def workplace() -> Iterator[Workplace]:
    with tempfile.TemporaryDirectory() as directory:
        root = Path(directory)
        with running_registry(root / "registry", root / "data") as backend, listing(backend) as proxy:
            client = proxy.client()
            manifests = [
                put_image(client, "", f"linux/{name}", [name.encode()], REPOSITORY)
                for name in ("amd64", "arm64")
            ]
            text = json.dumps({"schemaVersion": 2, "mediaType": OCI_INDEX, "manifests": manifests}).encode()
            client.put_manifest(REPOSITORY, "v1", text, OCI_INDEX)
            account = base64.b64encode(f"{backend.username}:{backend.password}".encode()).decode()
            (root / "config.json").write_text(json.dumps({"auths": {proxy.host: {"auth": account}}}))
            found = kept(client, [str(item["digest"]) for item in manifests])
            write("image", "", found[0] | {"v1": (OCI_INDEX, text.decode())}, found[1])
            yield Workplace(root, proxy, digest_of(text))


def with_cosign(name: str, kind: str, *options: str, attest: bool = False) -> None:
    """One recording, with a key of its own: made by cosign (`ecdsa`), or by OpenSSL and imported."""
    with workplace() as place:
        if kind == "ecdsa":
            place.run("COSIGN", "generate-key-pair")
            place.root.joinpath("cosign.key").rename(place.root / "import-cosign.key")
            place.root.joinpath("cosign.pub").rename(place.root / "import-cosign.pub")
        else:
            size = ["-pkeyopt", "rsa_keygen_bits:2048"] if kind == "rsa" else []
            make = ["openssl", "genpkey", "-algorithm", kind, *size, "-out", place.root / "plain"]
            subprocess.run(make, check=True)
            place.run("COSIGN", "import-key-pair", "--key", "plain")
        key = ["--key", "import-cosign.key"]
        if attest:
            (place.root / "predicate.json").write_text("{}")
            argv = ["attest", *COSIGN, *key, "--predicate", "predicate.json", "--type", "custom"]
        else:
            argv = ["sign", *COSIGN, *key]
        place.run("COSIGN", *argv, *options, place.reference, env={"COSIGN_EXPERIMENTAL": "1"})
        write(name, f"{version('COSIGN')}: {' '.join([argv[0], *options])}", *place.beside())
        (PLACE / f"{name}.pub").write_bytes((place.root / "import-cosign.pub").read_bytes())


def with_notation(name: str, form: str) -> None:
    with workplace() as place:
        account = ["--username", place.proxy.backend.username, "--password", place.proxy.backend.password]
        authority = make_chain(place.root)
        keys = {"default": "test", "keys": [{"name": "test", "keyPath": "leaf.key", "certPath": "chain.crt"}]}
        (place.root / "notation").mkdir()
        (place.root / "notation" / "signingkeys.json").write_text(json.dumps(keys))
        options = ["--insecure-registry", "--signature-format", form, "--key", "test"]
        options += ["--force-referrers-tag=false"]
        place.run("NOTATION", "sign", *account, *options, place.reference)
        write(name, f"{version('NOTATION')}: sign --signature-format {form}", *place.beside())
        (PLACE / f"{name}.crt").write_bytes(authority)


def make_chain(root: Path) -> bytes:
    """An authority's certificate; below it a signer's, for a hundred years: `leaf.key`, `chain.crt`."""
    ca_key, key = ec.generate_private_key(ec.SECP256R1()), ec.generate_private_key(ec.SECP256R1())

    def issued(name: str, public: ec.EllipticCurvePublicKey, *, ca: bool) -> x509.Certificate:
        usage = dict.fromkeys(USAGES, False) | {"key_cert_sign" if ca else "digital_signature": True}
        builder = (
            x509.CertificateBuilder()
            .subject_name(subject(name))
            .issuer_name(subject("authority"))
            .public_key(public)
            .serial_number(x509.random_serial_number())
            .not_valid_before(datetime(2026, 11, 1, tzinfo=UTC))
            .not_valid_after(datetime(2126, 11, 1, tzinfo=UTC))
            .add_extension(x509.BasicConstraints(ca=ca, path_length=0 if ca else None), critical=True)
            .add_extension(x509.KeyUsage(**usage), critical=True)
            .add_extension(x509.AuthorityKeyIdentifier.from_issuer_public_key(ca_key.public_key()), False)
        )
        if not ca:
            builder = builder.add_extension(x509.ExtendedKeyUsage([CODE]), critical=False)
        return builder.sign(ca_key, hashes.SHA256())

    authority = issued("authority", ca_key.public_key(), ca=True).public_bytes(Encoding.PEM)
    leaf = issued("signer", key.public_key(), ca=False).public_bytes(Encoding.PEM)
    (root / "chain.crt").write_bytes(leaf + authority)
    (root / "leaf.key").write_bytes(key.private_bytes(Encoding.PEM, PrivateFormat.PKCS8, NoEncryption()))
    return authority


def subject(name: str) -> x509.Name:
    """As notation wants one: with a country and a state."""
    parts = {"C": "AQ", "ST": "none", "O": "slipway test", "CN": name}
    return x509.Name([x509.NameAttribute(NAMES[key], value) for key, value in parts.items()])


def version(program: str) -> str:
    done = subprocess.run([os.environ[program], "version"], stdout=subprocess.PIPE, text=True, check=True)
    found = re.search(r"v?\d+\.\d+\.\d+", done.stdout)
    return f"{'notation' if program == 'NOTATION' else 'cosign'} {found[0] if found else '?'}"


def main() -> int:
    PLACE.mkdir(exist_ok=True)
    named = [*OLD, "--sign-container-identity", IMAGE]
    for kind in ("ecdsa", "rsa", "ed25519"):
        with_cosign(f"cosign-{kind}", kind, *named)
        with_cosign(f"cosign-bundle-{kind}", kind)
    with_cosign("cosign-unnamed", "ecdsa", *OLD)
    with_cosign("cosign-referrer", "ecdsa", *named, "--registry-referrers-mode=oci-1-1")
    with_cosign("cosign-attestation", "ecdsa", attest=True)
    for form in ("jws", "cose"):
        with_notation(f"notation-{form}", form)
    return 0


if __name__ == "__main__":
    sys.exit(main())
