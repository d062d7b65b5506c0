"""spec.hosts.ssh: how hosts are reached."""

from typing import Any, Literal

from pydantic import Field

from slipway.model.fields import LIVE, Address, Model, Port, SecretRef

LOGIN_NAME = r"^[a-z_][a-z0-9_-]*$"


class Become(Model):
    """How root is reached when the SSH user is not root."""

    method: Literal["sudo"] = "sudo"
    """Program."""
    secret_ref: SecretRef | None = None
    """The user's password for it; unset: none is asked for."""


class Bastion(Model):
    """A machine in between, through which every connection to a host goes."""

    address: Address = Field(json_schema_extra=LIVE)
    """Its address, as this machine (and the cluster, for the operator) sees it."""
    user: str = Field(default="root", max_length=32, pattern=LOGIN_NAME, json_schema_extra=LIVE)
    """Login name on it; it needs no rights there but to forward."""
    port: Port = Field(default=22, json_schema_extra=LIVE)
    """TCP port."""
    secret_ref: SecretRef | None = Field(default=None, json_schema_extra=LIVE)
    """Private key for it; unset: the one in `spec.hosts.ssh.secretRef`."""
    host_keys: tuple[str, ...] = Field(default=(), json_schema_extra=LIVE)
    """Its pinned keys, as known_hosts lines; empty: those that a command line has met and shown."""


class HostLogin(Model):
    """What opens a host that is not opened as all others are: a key or a password of its own, or of its group."""

    secret_ref: SecretRef | None = Field(default=None, json_schema_extra=LIVE)
    """Private key, instead of the one in `spec.hosts.ssh`, and of a password that is given further out."""
    password_ref: SecretRef | None = Field(default=None, json_schema_extra=LIVE)
    """Password of the user, instead of a key; the host reads it at every login."""
    become: Become | None = Field(default=None, json_schema_extra=LIVE)
    """How root is reached there."""


class SSH(Model):
    """How hosts are reached."""

    user: str = Field(default="root", max_length=32, pattern=LOGIN_NAME, json_schema_extra=LIVE)
    """Login name."""
    port: Port = Field(default=22, json_schema_extra=LIVE)
    """TCP port."""
    secret_ref: SecretRef = Field(
        default_factory=lambda: SecretRef(name="ssh", key="id_ed25519"), json_schema_extra=LIVE
    )
    """Private key; not used on hosts where there is a passwordRef. Groups and hosts may have one of their own."""
    password_ref: SecretRef | None = Field(default=None, json_schema_extra=LIVE)
    """Password of the user, for hosts that take no key. Each host reads it: give one a host, `ssh` of its settings."""
    become: Become | None = Field(default=None, json_schema_extra=LIVE)
    """Unset: `sudo` without password when user is not root."""
    host_keys: tuple[str, ...] = Field(default=(), json_schema_extra=LIVE)
    """Pinned keys of all hosts, as known_hosts lines; empty: those that a command line has met and shown."""
    bastion: Bastion | None = Field(default=None, json_schema_extra=LIVE)
    """Machine in between; unset: hosts are reached directly."""

    def by(self, login: HostLogin) -> "SSH":
        """The same for a host with a login of its own; the bastion's stays what it is."""
        own: dict[str, Any] = {"become": login.become} if login.become else {}
        if login.password_ref:
            own["password_ref"] = login.password_ref
        elif login.secret_ref:
            own |= {"secret_ref": login.secret_ref, "password_ref": None}
        if self.bastion and login.secret_ref:
            own["bastion"] = self.bastion.model_copy(update={"secret_ref": self.bastion_key})
        return self.model_copy(update=own) if own else self

    @property
    def bastion_key(self) -> SecretRef | None:
        """The key for the bastion; none without one."""
        return (self.bastion.secret_ref or self.secret_ref) if self.bastion else None

    @property
    def references(self) -> frozenset[str]:
        """NAME/KEY of every secret that reaching the hosts takes."""
        login = self.password_ref or self.secret_ref
        become = self.become.secret_ref if self.become else None
        return frozenset(f"{ref.name}/{ref.key}" for ref in (login, become, self.bastion_key) if ref)
