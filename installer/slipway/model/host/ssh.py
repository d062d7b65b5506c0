"""spec.hosts.ssh: how hosts are reached."""

from typing import Literal

from pydantic import Field

from slipway.model.fields import LIVE, Model, Port, SecretRef


class Become(Model):
    """How root is reached when the SSH user is not root."""

    method: Literal["sudo"] = "sudo"
    """Program."""
    secret_ref: SecretRef | None = None
    """The user's password for it; unset: none is asked for."""


class SSH(Model):
    """How hosts are reached."""

    user: str = Field(default="root", max_length=32, pattern=r"^[a-z_][a-z0-9_-]*$", json_schema_extra=LIVE)
    """Login name."""
    port: Port = Field(default=22, json_schema_extra=LIVE)
    """TCP port."""
    secret_ref: SecretRef = Field(
        default_factory=lambda: SecretRef(name="ssh", key="id_ed25519"), json_schema_extra=LIVE
    )
    """Private key."""
    become: Become | None = Field(default=None, json_schema_extra=LIVE)
    """Unset: `sudo` without password when user is not root."""
    host_keys: tuple[str, ...] = Field(default=(), json_schema_extra=LIVE)
    """Pinned keys, as known_hosts lines; empty: recorded on first contact and shown."""
