"""SSH keys: the one that opens a lab's nodes, and each node's own, known before its first boot."""

from pathlib import Path

from slipway.landing import PRIVATE, land


def ensure(path: Path, comment: str) -> str:
    """The public half of the ed25519 key at `path`, which is made (0600) when it is not there."""
    public = path.with_name(path.name + ".pub")
    if not (path.exists() and public.exists()):
        private_text, public_text = _generate()
        path.parent.mkdir(parents=True, exist_ok=True)
        land(path, private_text, mode=PRIVATE)
        land(public, f"{public_text} {comment}\n", mode=0o644)
    return public.read_text(encoding="utf-8").strip()


def _generate() -> tuple[str, str]:
    """A new key as OpenSSH writes it: private, public."""
    from cryptography.hazmat.primitives import serialization
    from cryptography.hazmat.primitives.asymmetric.ed25519 import Ed25519PrivateKey

    key = Ed25519PrivateKey.generate()
    private = key.private_bytes(
        serialization.Encoding.PEM, serialization.PrivateFormat.OpenSSH, serialization.NoEncryption()
    )
    public = key.public_key().public_bytes(serialization.Encoding.OpenSSH, serialization.PublicFormat.OpenSSH)
    return private.decode(), public.decode()
