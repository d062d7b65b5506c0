"""Signatures of cosign by a key: its own payload of old (simple signing), and Sigstore's bundle, of its version 3."""

import re
from dataclasses import dataclass
from typing import Any, Final

from slipway.bundle.vouch.keys import PublicKey
from slipway.bundle.vouch.strict import Unfit, decoded, shown, strict_json, text_at, value_at

#: Media types of layers.
SIMPLE: Final = "application/vnd.dev.cosign.simplesigning.v1+json"
BUNDLE: Final = "application/vnd.dev.sigstore.bundle.v0.3+json"
#: How every version of Sigstore's bundle begins.
BUNDLES: Final = "application/vnd.dev.sigstore.bundle"
#: Annotation of a layer of simple signing.
SIGNATURE: Final = "dev.cosignproject.cosign/signature"
_TYPE: Final = "cosign container image signature"
_PREDICATE: Final = "https://sigstore.dev/cosign/sign/v1"
_IN_TOTO: Final = "application/vnd.in-toto+json"
_STATEMENT: Final = re.compile(r"https://in-toto\.io/Statement/v\d+(\.\d+)?")
#: What signatures call Docker Hub, and what images' names call it.
_HUB: Final = ("index.docker.io/", "docker.io/")


@dataclass(frozen=True, slots=True)
class SignedImage:
    """What a signature has to be of. `image`: NAME:TAG as its publisher calls it."""

    image: str
    digest: str


def check_simple(payload: bytes, signature: str, key: PublicKey, wanted: SignedImage) -> None:
    """Accept a payload of this image, name and digest, with this key's signature in base64.

    Raises:
        Unfit: it is something else.
    """
    if not key.made(decoded(signature), payload):
        raise Unfit("is by another key, or was changed since")
    data = strict_json(payload)
    if (kind := text_at(data, "critical", "type")) != _TYPE:
        raise Unfit(f"is of another type: {shown(kind)}")
    digest = text_at(data, "critical", "image", "docker-manifest-digest")
    if digest != wanted.digest:
        raise Unfit(f"is of other contents: {shown(digest)}")
    reference = text_at(data, "critical", "identity", "docker-reference")
    if not _names(reference, wanted.image):
        raise Unfit(f"is of another image: {shown(reference)!r}, not {wanted.image}")


def check_bundle(text: bytes, key: PublicKey, wanted: SignedImage) -> None:
    """Accept a bundle whose DSSE envelope this key signed, with cosign's statement of this digest.

    It names no image, so whoever has the key says by it that the contents are his, under whatever name.

    Raises:
        Unfit: it is something else.
    """
    data = strict_json(text)
    if (kind := text_at(data, "mediaType")) != BUNDLE:
        raise Unfit(f"is of a form that is not supported: {shown(kind)}")
    if value_at(data, "verificationMaterial", "publicKey") is None:
        raise Unfit("is by a certificate of Fulcio (keyless), which is not supported: only keys are")
    if value_at(data, "dsseEnvelope") is None:
        raise Unfit("is no DSSE envelope, the one kind that is supported")
    statement = _statement(data, key)
    if not _STATEMENT.fullmatch(text_at(statement, "_type")):
        raise Unfit("is of something else than a statement of in-toto")
    if (about := text_at(statement, "predicateType")) != _PREDICATE:
        raise Unfit(f"is an attestation ({shown(about)}), and no signature of the image")
    subjects = value_at(statement, "subject")
    digests = [value_at(item, "digest", "sha256") for item in _list(subjects) if isinstance(item, dict)]
    if wanted.digest.removeprefix("sha256:") not in digests:
        raise Unfit("is of other contents: " + shown(", ".join(f"sha256:{digest}" for digest in digests)))


def _statement(data: dict[str, Any], key: PublicKey) -> dict[str, Any]:
    """What the envelope says, once it is known that the key signed it."""
    kind = text_at(data, "dsseEnvelope", "payloadType")
    payload = decoded(text_at(data, "dsseEnvelope", "payload"))
    signed = b"DSSEv1 %d %s %d %s" % (len(kind.encode()), kind.encode(), len(payload), payload)
    signatures = [
        decoded(text_at(item, "sig"))
        for item in _list(value_at(data, "dsseEnvelope", "signatures"))
        if isinstance(item, dict)
    ]
    if not any(key.made(signature, signed) for signature in signatures):
        raise Unfit("is by another key, or was changed since")
    if kind != _IN_TOTO:
        raise Unfit(f"is of another type: {shown(kind)}")
    return strict_json(payload)


def _list(value: Any) -> list[Any]:
    return value if isinstance(value, list) else []


def _names(reference: str, image: str) -> bool:
    """Whether it is the image's name, alone, with its tag, or with a digest: that is compared apart from it."""
    said = reference.partition("@")[0]
    if said.startswith(_HUB[0]):
        said = _HUB[1] + said.removeprefix(_HUB[0])
    return said in {image, image.rpartition(":")[0]}
