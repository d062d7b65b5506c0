"""Public keys as cosign makes and takes them: PEM, of ECDSA on P-256, RSA or Ed25519."""

from dataclasses import dataclass
from typing import Final

from cryptography.exceptions import InvalidSignature, UnsupportedAlgorithm
from cryptography.hazmat.primitives import hashes, serialization
from cryptography.hazmat.primitives.asymmetric import ec, ed25519, padding, rsa

from slipway.bundle.vouch.strict import Unfit
from slipway.digests import digest_of

#: Bits of the shortest RSA key that counts.
RSA_BITS: Final = 2048
_KINDS: Final = f"ECDSA on P-256, RSA of at least {RSA_BITS} bits, or Ed25519"


@dataclass(frozen=True, slots=True)
class PublicKey:
    """`fingerprint`: sha256 of the key as DER, as `openssl pkey -pubin -outform DER | sha256sum` says."""

    fingerprint: str
    key: ec.EllipticCurvePublicKey | rsa.RSAPublicKey | ed25519.Ed25519PublicKey

    def made(self, signature: bytes, content: bytes) -> bool:
        """Whether it is this key's signature of this content; of ECDSA and RSA over its sha256."""
        if isinstance(self.key, ed25519.Ed25519PublicKey):
            return _made_by_ed25519(self.key, signature, content)
        try:
            if isinstance(self.key, rsa.RSAPublicKey):
                self.key.verify(signature, content, padding.PKCS1v15(), hashes.SHA256())
            else:
                self.key.verify(signature, content, ec.ECDSA(hashes.SHA256()))
        except InvalidSignature:
            return False
        return True


def public_key(pem: bytes) -> PublicKey:
    """The key of a PEM file.

    Raises:
        Unfit: it has none, or one of another kind.
    """
    if b"PRIVATE KEY" in pem:
        raise Unfit("has a private key, which belongs to whoever signs; name the public one")
    try:
        key = serialization.load_pem_public_key(pem)
    except (ValueError, UnsupportedAlgorithm) as exc:
        raise Unfit(f"has no public key in PEM form: {exc}") from exc
    if isinstance(key, ec.EllipticCurvePublicKey):
        right = isinstance(key.curve, ec.SECP256R1)
    else:
        right = isinstance(key, ed25519.Ed25519PublicKey) or (
            isinstance(key, rsa.RSAPublicKey) and key.key_size >= RSA_BITS
        )
    if not right or not isinstance(
        key, ec.EllipticCurvePublicKey | rsa.RSAPublicKey | ed25519.Ed25519PublicKey
    ):
        raise Unfit(f"has a key of a kind that is not supported; it may be {_KINDS}")
    form = serialization.PublicFormat.SubjectPublicKeyInfo
    return PublicKey(digest_of(key.public_bytes(serialization.Encoding.DER, form)), key)


def _made_by_ed25519(key: ed25519.Ed25519PublicKey, signature: bytes, content: bytes) -> bool:
    """Over the content, as cosign did at first, or over its SHA-512 (Ed25519ph), as it does by now."""
    from nacl import bindings
    from nacl.exceptions import BadSignatureError

    try:
        key.verify(signature, content)
    except InvalidSignature:
        if len(signature) != bindings.crypto_sign_BYTES:
            return False
        state = bindings.crypto_sign_ed25519ph_state()
        bindings.crypto_sign_ed25519ph_update(state, content)
        try:
            return bindings.crypto_sign_ed25519ph_final_verify(state, signature, key.public_bytes_raw())
        except BadSignatureError:
            return False
    return True
