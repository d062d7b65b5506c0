"""What of a manifest beside an image is a signature: its layers, by their media types."""

from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any, Final

from slipway.bundle.vouch import cosign, notation
from slipway.bundle.vouch.strict import Unfit, strict_json
from slipway.digests import is_digest

#: Layers of one manifest that are looked at: cosign adds one with each signature.
MOST: Final = 50
#: Bytes of a signature; a large one has a chain of certificates in it.
LIMIT: Final = 1 << 20


@dataclass(frozen=True, slots=True)
class SignatureLayer:
    """One signature, of which the blob is elsewhere."""

    media_type: str
    digest: str
    annotations: Mapping[str, str]


def signature_layers(manifest: bytes) -> list[SignatureLayer]:
    """Layers that are signatures of some form; of anything else that hangs at an image, none.

    Raises:
        Unfit: the manifest, or one of these layers, is none.
    """
    found = strict_json(manifest).get("layers")
    items = [item for item in found if isinstance(item, dict)] if isinstance(found, list) else []
    layers = [_layer(item) for item in items if _is_signature(item.get("mediaType"))]
    if len(layers) > MOST:
        raise Unfit(f"has more than {MOST} layers")
    return layers


def _is_signature(kind: Any) -> bool:
    named = {cosign.SIMPLE, notation.JWS, notation.COSE}
    return isinstance(kind, str) and (kind in named or kind.startswith(cosign.BUNDLES))


def _layer(item: Mapping[str, Any]) -> SignatureLayer:
    digest, size, notes = item.get("digest"), item.get("size"), item.get("annotations") or {}
    if not isinstance(digest, str) or not is_digest(digest) or type(size) is not int or size < 0:
        raise Unfit("has a layer without digest or size")
    if size > LIMIT:
        raise Unfit(f"is larger than any signature: {size} bytes")
    if not isinstance(notes, dict) or not all(isinstance(value, str) for value in notes.values()):
        raise Unfit("has annotations that are none")
    return SignatureLayer(str(item["mediaType"]), digest, notes)
