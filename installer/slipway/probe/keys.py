"""Private keys, host keys and what to do about an unknown one, as paramiko's objects."""

import base64
import io
from typing import TYPE_CHECKING

from slipway.errors import ConfigurationError
from slipway.model.hostkeys import HostKey
from slipway.probe.known_hosts import KnownHosts

if TYPE_CHECKING:
    from paramiko import MissingHostKeyPolicy, PKey, SSHClient


class UnknownKeyError(Exception):
    """No key of this host is known: none of those that are pinned, or it was never met."""

    def __init__(self, shown: HostKey, *, pinned: bool) -> None:
        super().__init__(shown.line)
        self.shown = shown
        self.pinned = pinned


def private_key(text: bytes, where: str) -> "PKey":
    """The key, whatever its kind. `where`: the field that names it."""
    import paramiko

    kinds: tuple[type[PKey], ...] = (paramiko.Ed25519Key, paramiko.ECDSAKey, paramiko.RSAKey)
    for kind in kinds:
        try:
            return kind.from_private_key(io.StringIO(text.decode()))
        except paramiko.PasswordRequiredException as exc:
            hint = "give a key without passphrase; its file is 0600"
            raise ConfigurationError("the SSH key has a passphrase", where=where, hint=hint) from exc
        except (paramiko.SSHException, ValueError):
            continue
    why = "it is no Ed25519, ECDSA or RSA private key"
    hint = "put the private key itself, in PEM or OpenSSH form, where its secretRef says"
    raise ConfigurationError("the SSH key cannot be read", where=where, why=why, hint=hint)


def host_key(known: HostKey) -> "PKey":
    """A line of known_hosts."""
    import paramiko

    try:
        return paramiko.PKey.from_type_string(known.kind, base64.b64decode(known.key))
    except (paramiko.SSHException, paramiko.pkey.UnknownKeyType, ValueError) as exc:
        raise ConfigurationError(f"the host key of {known.host} cannot be read", why=known.kind) from exc


def recording(known_hosts: KnownHosts) -> "MissingHostKeyPolicy":
    """First contact: record where somebody is shown the key; another thread may just have met the host."""
    import paramiko

    class Record(paramiko.MissingHostKeyPolicy):
        """Called by paramiko for a host without any known key."""

        def missing_host_key(self, client: "SSHClient", hostname: str, key: "PKey") -> None:
            """Record, or refuse."""
            del client
            shown = HostKey(hostname, key.get_name(), key.get_base64())
            known = known_hosts.meet(shown)
            if not known:
                raise UnknownKeyError(shown, pinned=known_hosts.pinned)
            if shown not in known:
                raise paramiko.BadHostKeyException(hostname, key, host_key(known[0]))

    return Record()
