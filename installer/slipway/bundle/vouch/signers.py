"""images.keys.yaml: whose signatures images have to have, by the beginnings of their names. The user writes it.

format: 1
keys:
- {prefix: quay.io/group, key: keys/group.pub}
- {prefix: registry.example.org/team, authority: keys/team.crt, signedPrefix: build.example.org/team}
"""

from collections.abc import Iterable, Iterator, Mapping
from dataclasses import dataclass, field
from datetime import datetime
from pathlib import Path
from typing import Any, Final

from slipway import yamltext
from slipway.bundle.form.names import is_repository
from slipway.bundle.vouch import cosign, notation
from slipway.bundle.vouch.chains import Authorities, authorities_of
from slipway.bundle.vouch.cosign import SignedImage
from slipway.bundle.vouch.keys import PublicKey, public_key
from slipway.bundle.vouch.layers import SignatureLayer
from slipway.bundle.vouch.strict import Unfit
from slipway.errors import BundleError, Finding
from slipway.findings import FindingCode
from slipway.smallfiles import bytes_of

FORMAT: Final = 1
_FIELDS: Final = ("prefix", "key", "authority", "signedPrefix")
#: Bytes of a file with a key or certificates.
_LIMIT: Final = 1 << 20
_HINT: Final = "its form is in docs/reference/bundle.md#signatures-of-images"


@dataclass(frozen=True, slots=True)
class Signer:
    """Who may vouch for images under a prefix: a key of cosign, or authorities of notation.

    `signed_prefix`: what the publisher has called them in the place of the prefix; empty: the same.
    """

    prefix: str
    means: PublicKey | Authorities
    signed_prefix: str = ""

    def has(self, name: str) -> bool:
        """Whether an image without its tag is the prefix or below it, path by path."""
        return f"{name}/".startswith(f"{self.prefix}/")

    def fingerprint(
        self, layer: SignatureLayer, content: bytes, image: str, digest: str, now: datetime
    ) -> str:
        """Of the key or certificate that vouches for NAME:TAG and a digest by this layer of a signature.

        Raises:
            Unfit: it counts for nothing here.
        """
        if layer.media_type == notation.COSE:
            raise Unfit(f"is of a form that is not supported: COSE ({notation.COSE})")
        if isinstance(self.means, Authorities):
            if layer.media_type != notation.JWS:
                raise Unfit("is cosign's, and an authority of notation is configured")
            return notation.check_jws(content, self.means, digest, now)
        wanted = SignedImage(self._as_signed(image), digest)
        if layer.media_type == notation.JWS:
            raise Unfit("is notation's, and a key of cosign is configured")
        if layer.media_type == cosign.SIMPLE:
            cosign.check_simple(content, layer.annotations.get(cosign.SIGNATURE, ""), self.means, wanted)
        else:
            cosign.check_bundle(content, self.means, wanted)
        return self.means.fingerprint

    def _as_signed(self, image: str) -> str:
        return self.signed_prefix + image.removeprefix(self.prefix) if self.signed_prefix else image


@dataclass(frozen=True, slots=True)
class Signers:
    """The file; without one nobody is asked for signatures."""

    signers: tuple[Signer, ...] = ()
    where: str = field(default="", compare=False)

    def of(self, name: str) -> tuple[Signer, ...]:
        """Those of the longest prefix that an image's name has; any of them is enough."""
        having = [signer for signer in self.signers if signer.has(name)]
        longest = max((len(signer.prefix) for signer in having), default=0)
        return tuple(signer for signer in having if len(signer.prefix) == longest)

    def idle(self, names: Iterable[str]) -> tuple[str, ...]:
        """Prefixes by which none of these images is judged: a slip of the pen is found there."""
        used = {signer.prefix for name in names for signer in self.of(name)}
        return tuple(sorted({signer.prefix for signer in self.signers} - used))


def read(path: Path) -> Signers:
    """The file, and all keys that it names; nobody where there is none.

    Raises:
        BundleError: it is damaged, or names what is no key; all of that is named.
    """
    try:
        data = yamltext.load(bytes_of(path, _LIMIT), strict=True)
        known, items = data["format"] == FORMAT, [dict(item) for item in data["keys"]]
        further = sorted(data.keys() - {"format", "keys"})
    except FileNotFoundError:
        return Signers()
    except (OSError, ValueError, KeyError, TypeError, AttributeError) as exc:
        why = f"{type(exc).__name__}: {exc}"
        raise BundleError("this names no keys of images", where=str(path), why=why, hint=_HINT) from exc
    if not known or further:
        why = f"it has {', '.join(map(str, further))}" if known else ""
        raise BundleError("the file of keys has another format", where=str(path), why=why, hint=_HINT)
    findings = tuple(
        finding for place, item in enumerate(items) for finding in _wrong(f"keys[{place}]", item)
    )
    signers: list[Signer] = []
    if not findings:
        for place, item in enumerate(items):
            try:
                signers.append(_signer(item, path.parent))
            except (OSError, Unfit) as exc:
                named = item.get("key") or item["authority"]
                why = exc.strerror or str(exc) if isinstance(exc, OSError) else str(exc)
                findings += (Finding(f"keys[{place}]", f"{named}: {why}", code=FindingCode.INVALID),)
    if findings:
        raise BundleError("keys of images cannot be used", where=str(path), findings=findings, hint=_HINT)
    return Signers(tuple(signers), str(path))


def _wrong(place: str, item: Mapping[str, Any]) -> Iterator[Finding]:
    """What is wrong with an entry."""
    rules = (
        *(
            (name, name in _FIELDS and isinstance(value, str), ", ".join(_FIELDS))
            for name, value in item.items()
        ),
        ("prefix", is_repository(str(item.get("prefix", ""))), "a part of names, as quay.io/group"),
        ("key", bool(item.get("key")) != bool(item.get("authority")), "either this or an authority"),
        (
            "signedPrefix",
            not item.get("signedPrefix") or is_repository(str(item["signedPrefix"])),
            "as a prefix",
        ),
        ("signedPrefix", not (item.get("signedPrefix") and item.get("authority")), "of a key alone"),
    )
    for name, right, expected in rules:
        if not right:
            problem = f"is {item.get(name, '')!r}"
            yield Finding(f"{place}.{name}", problem, expected=expected, code=FindingCode.INVALID)


def _signer(item: Mapping[str, str], directory: Path) -> Signer:
    named = item.get("key") or item["authority"]
    pem = bytes_of(directory / named, _LIMIT)
    means = public_key(pem) if item.get("key") else authorities_of(pem)
    return Signer(item["prefix"], means, item.get("signedPrefix", ""))
