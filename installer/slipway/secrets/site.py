"""Secrets that are born here: the site key, and the built-in registry's certificates and accounts.

`ensure_site` may be killed at any point and is then simply called again: a value that is missing, or does not
fit the others (a certificate without its key, a name that changed), is made anew; what fits is kept.
"""

import hashlib
import hmac
import re
import secrets
from base64 import b64encode
from dataclasses import dataclass
from datetime import timedelta
from ipaddress import ip_address
from typing import TYPE_CHECKING, Final

from slipway.clock import utc_now
from slipway.errors import ConfigurationError
from slipway.secrets.store import Secrets, SecretStore
from slipway.settings import ENCRYPTION_KEYS

if TYPE_CHECKING:
    from cryptography.hazmat.primitives.asymmetric.ec import EllipticCurvePrivateKey
    from cryptography.x509 import Certificate, GeneralName, KeyUsage

SITE_KEY: Final = "slipway-site/key"
REGISTRY: Final = "slipway-registry"

#: A site without Internet is left alone for years; its authority must outlive its hardware.
_AUTHORITY_DAYS: Final = 3650
#: Server certificates are replaced by any apply within the last quarter of their life.
_SERVER_DAYS: Final = 730
_RENEW_DAYS: Final = 180
#: Bytes of the site key: as many as the HMACs that it makes have.
_KEY_BYTES: Final = 32
#: Bytes of a password that bcrypt looks at.
_LONGEST_PASSWORD: Final = 72
#: What an account's file holds.
_ACCOUNT: Final = re.compile(rb"(?P<user>[a-z]+):(?P<password>[!-~]+)\s*")
#: bcrypt rounds (2^n): the accounts' passwords are random, and the registry checks one on every request.
_BCRYPT_COST: Final = 5


def ensure_site(store: SecretStore, *, registry_name: str, registry_addresses: tuple[str, ...]) -> None:
    """Create what is missing of `slipway-site/*` and `slipway-registry/*`."""
    ensure_key(store)
    _ensure_certificates(store, (registry_name, *registry_addresses))
    _ensure_accounts(store)


def ensure_key(store: SecretStore) -> bytes:
    """The site key, made on first use."""
    if not store.exists(SITE_KEY):
        store.write(SITE_KEY, secrets.token_hex(_KEY_BYTES).encode())
    return site_key(store)


def ensure_encryption_key(store: SecretStore, name: str) -> None:
    """32 random bytes as kube-apiserver reads them, made on first use."""
    reference = f"{ENCRYPTION_KEYS}/{name}"
    if not store.exists(reference):
        store.write(reference, b64encode(secrets.token_bytes(32)))


def site_key(store: Secrets) -> bytes:
    """Key of all HMACs that stand for secrets, and of the site's identity.

    Raises:
        ConfigurationError: what is there is none; an empty one would be everybody's.
    """
    try:
        key = bytes.fromhex(store.read(SITE_KEY).decode().strip())
    except ValueError:
        key = b""
    if len(key) != _KEY_BYTES:
        raise ConfigurationError(
            f"the secret {SITE_KEY} is no key of a site",
            why=f"it has to be {2 * _KEY_BYTES} hexadecimal digits, as they were made",
            hint="bring the directory secrets/ from where this site was installed",
        )
    return key


def site_id(store: Secrets, name: str) -> str:
    """Identity of the cluster that the ClusterConfiguration `name` makes with this store."""
    return hmac.new(site_key(store), f"site:{name}".encode(), hashlib.sha256).hexdigest()[:16]


@dataclass(frozen=True, slots=True)
class _Pair:
    """A certificate and its private key."""

    certificate: "Certificate"
    key: "EllipticCurvePrivateKey"

    def valid(self, *, days: int) -> bool:
        """Whether they belong together and stay valid for some days."""
        ends = self.certificate.not_valid_after_utc - timedelta(days=days)
        return self.certificate.public_key() == self.key.public_key() and utc_now() < ends


def _ensure_certificates(store: SecretStore, names: tuple[str, ...]) -> None:
    authority = _read_pair(store, "ca")
    if authority is None or not authority.valid(days=0):
        authority = _issue(f"Slipway registry {names[0]}", days=_AUTHORITY_DAYS)
        _write_pair(store, "ca", authority)
    server = _read_pair(store, "tls")
    if server is None or not (server.valid(days=_RENEW_DAYS) and _fits(server, authority, names)):
        _write_pair(store, "tls", _issue(names[0], days=_SERVER_DAYS, issuer=authority, names=names))


def _read_pair(store: SecretStore, stem: str) -> _Pair | None:
    """The pair in the store; None when it is missing or no pair."""
    from cryptography.exceptions import UnsupportedAlgorithm
    from cryptography.hazmat.primitives.asymmetric.ec import EllipticCurvePrivateKey
    from cryptography.hazmat.primitives.serialization import load_pem_private_key
    from cryptography.x509 import load_pem_x509_certificate

    certificate, key = f"{REGISTRY}/{stem}.crt", f"{REGISTRY}/{stem}.key"
    if not (store.exists(certificate) and store.exists(key)):
        return None
    try:
        private = load_pem_private_key(store.read(key), password=None)
        public = load_pem_x509_certificate(store.read(certificate))
    except (ValueError, TypeError, UnsupportedAlgorithm):
        return None
    return _Pair(public, private) if isinstance(private, EllipticCurvePrivateKey) else None


def _write_pair(store: SecretStore, stem: str, pair: _Pair) -> None:
    from cryptography.hazmat.primitives.serialization import Encoding, NoEncryption, PrivateFormat

    key = pair.key.private_bytes(Encoding.PEM, PrivateFormat.PKCS8, NoEncryption())
    store.write(f"{REGISTRY}/{stem}.key", key)
    store.write(f"{REGISTRY}/{stem}.crt", pair.certificate.public_bytes(Encoding.PEM))


def _issue(common_name: str, *, days: int, issuer: _Pair | None = None, names: tuple[str, ...] = ()) -> _Pair:
    """A new pair: an authority, or a server certificate under one."""
    from cryptography import x509
    from cryptography.hazmat.primitives.asymmetric import ec
    from cryptography.hazmat.primitives.hashes import SHA256
    from cryptography.x509.oid import ExtendedKeyUsageOID, NameOID

    key = ec.generate_private_key(ec.SECP256R1())
    signing_key = issuer.key if issuer else key
    subject = x509.Name([x509.NameAttribute(NameOID.COMMON_NAME, common_name[:64])])
    now = utc_now()
    builder = (
        x509.CertificateBuilder()
        .subject_name(subject)
        .issuer_name(issuer.certificate.subject if issuer else subject)
        .public_key(key.public_key())
        .serial_number(x509.random_serial_number())
        .not_valid_before(now - timedelta(days=1))  # hosts' clocks may be behind
        .not_valid_after(now + timedelta(days=days))
        .add_extension(x509.BasicConstraints(ca=issuer is None, path_length=None), critical=True)
        .add_extension(x509.SubjectKeyIdentifier.from_public_key(key.public_key()), critical=False)
        .add_extension(_key_usage(authority=issuer is None), critical=True)
        .add_extension(
            x509.AuthorityKeyIdentifier.from_issuer_public_key(signing_key.public_key()), critical=False
        )
    )
    if issuer:
        usage = x509.ExtendedKeyUsage([ExtendedKeyUsageOID.SERVER_AUTH])
        san = x509.SubjectAlternativeName([_general_name(name) for name in names])
        builder = builder.add_extension(usage, critical=False).add_extension(san, critical=False)
    return _Pair(builder.sign(signing_key, SHA256()), key)


def _key_usage(*, authority: bool) -> "KeyUsage":
    from cryptography.x509 import KeyUsage

    return KeyUsage(
        digital_signature=not authority,
        content_commitment=False,
        key_encipherment=False,
        data_encipherment=False,
        key_agreement=False,
        key_cert_sign=authority,
        crl_sign=authority,
        encipher_only=False,
        decipher_only=False,
    )


def _general_name(name: str) -> "GeneralName":
    from cryptography.x509 import DNSName, IPAddress

    try:
        return IPAddress(ip_address(name))
    except ValueError:
        return DNSName(name)


def _fits(server: _Pair, authority: _Pair, wanted: tuple[str, ...]) -> bool:
    """Whether a server certificate is of this authority and for exactly these names."""
    from cryptography.exceptions import InvalidSignature
    from cryptography.x509 import SubjectAlternativeName

    try:
        server.certificate.verify_directly_issued_by(authority.certificate)
    except (ValueError, TypeError, InvalidSignature):
        return False
    names = server.certificate.extensions.get_extension_for_class(SubjectAlternativeName).value
    return set(names) == {_general_name(name) for name in wanted}


def _ensure_accounts(store: SecretStore) -> None:
    """`pull` and `push` hold `user:password`; the pull port admits both, the push port only `push`.

    Raises:
        ConfigurationError: one of them is no such account, or who knows the one knows the other.
    """
    for account in ("pull", "push"):
        if not store.exists(f"{REGISTRY}/{account}"):
            store.write(f"{REGISTRY}/{account}", f"{account}:{secrets.token_urlsafe(24)}".encode())
    pull, push = (_password(store, account) for account in ("pull", "push"))
    if pull == push:
        raise _no_account("push", "its password is that of pull, which every host has")
    _ensure_htpasswd(store, "pull.htpasswd", {b"pull": pull, b"push": push})
    _ensure_htpasswd(store, "push.htpasswd", {b"push": push})


def _password(store: SecretStore, account: str) -> bytes:
    """Of one account; ConfigurationError where its file holds no such account, or one that anybody has."""
    found = _ACCOUNT.fullmatch(store.read(f"{REGISTRY}/{account}"))
    if not found or found["user"] != account.encode():
        raise _no_account(account, f"it has to be {account}:PASSWORD, in one line of ASCII without spaces")
    if len(found["password"]) > _LONGEST_PASSWORD:
        raise _no_account(account, f"its password has more than {_LONGEST_PASSWORD} characters")
    return found["password"]


def _no_account(account: str, why: str) -> ConfigurationError:
    return ConfigurationError(
        f"the secret {REGISTRY}/{account} is no account of the site registry",
        why=why,
        hint=f"bring it from where this site was installed; where it is lost, remove secrets/{REGISTRY}/{account}: "
        "another one is made",
    )


def _ensure_htpasswd(store: SecretStore, key: str, wanted: dict[bytes, bytes]) -> None:
    """A bcrypt password file of exactly these users; kept while it fits, since its hashes are salted."""
    import bcrypt

    reference = f"{REGISTRY}/{key}"
    if store.exists(reference):
        lines = store.read(reference).split()
        present = dict(line.split(b":", 1) for line in lines if b":" in line)
        if present.keys() == wanted.keys() and all(_matches(wanted[user], present[user]) for user in wanted):
            return
    text = b"".join(
        b"%s:%s\n" % (user, bcrypt.hashpw(password, bcrypt.gensalt(_BCRYPT_COST)))
        for user, password in wanted.items()
    )
    store.write(reference, text)


def _matches(password: bytes, hashed: bytes) -> bool:
    import bcrypt

    try:
        return bcrypt.checkpw(password, hashed)
    except ValueError:
        return False
