"""Reading and writing single secrets: files of mode 0600, replaced by rename; or a mapping in the operator.

A reference is `NAME/KEY`: name and key of the Secret that carries the value once there is a cluster.
"""

import hashlib
import hmac
import os
import re
import stat
from collections.abc import Iterable, Mapping
from pathlib import Path
from typing import Final, Protocol

from slipway.errors import ConfigurationError
from slipway.landing import PRIVATE, land
from slipway.smallfiles import bytes_of

_REFERENCE: Final = re.compile(r"[a-z0-9]([a-z0-9.-]*[a-z0-9])?/[-._a-zA-Z0-9]+")


class Secrets(Protocol):
    """Whatever can hand out secrets."""

    def read(self, reference: str) -> bytes:
        """The value; ConfigurationError when there is none."""
        ...

    def exists(self, reference: str) -> bool:
        """Whether there is a value."""
        ...


def digests_of(secrets: Secrets, references: Iterable[str], site_key: bytes) -> dict[str, str]:
    """HMAC-SHA256 of each secret that exists: what plans and records hold instead of the value."""
    return {
        reference: hmac.new(site_key, secrets.read(reference), hashlib.sha256).hexdigest()
        for reference in references
        if secrets.exists(reference)
    }


def text_of(secrets: Secrets, reference: str) -> str:
    """A secret that is text.

    Raises:
        ConfigurationError: there is none, or it is something else.
    """
    try:
        return secrets.read(reference).decode()
    except UnicodeDecodeError as exc:
        what, hint = f"the secret {reference} is no text of UTF-8", "see that the right file was put there"
        raise ConfigurationError(what, hint=hint) from exc


class MappedSecrets:
    """Secrets that somebody has read already: the operator, from its namespace."""

    def __init__(self, values: Mapping[str, bytes]) -> None:
        self._values = dict(values)

    def read(self, reference: str) -> bytes:
        """The value; ConfigurationError when there is none."""
        if reference not in self._values:
            raise _missing(reference, "the Secrets of the namespace")
        return self._values[reference]

    def exists(self, reference: str) -> bool:
        """Whether there is a value."""
        return reference in self._values


class SecretStore:
    """The directory `secrets/`."""

    def __init__(self, directory: Path) -> None:
        self.directory = directory

    def path(self, reference: str) -> Path:
        """File of a reference, whether it exists or not."""
        if not _REFERENCE.fullmatch(reference) or ".." in reference:
            raise ConfigurationError(f"{reference!r} is no secret reference", hint="write it as NAME/KEY")
        return self.directory / reference

    def exists(self, reference: str) -> bool:
        """Whether something lies there: what is no file is not made anew, and told when it is read."""
        path = self.path(reference)
        try:
            path.lstat()
        except (FileNotFoundError, NotADirectoryError):
            return False
        except OSError as exc:
            raise _unreadable(reference, path, exc) from exc
        return True

    def read(self, reference: str) -> bytes:
        """The value; a file that others may read or exchange is refused, because its secret is one no more."""
        path = self.path(reference)
        try:
            self._refuse_shared(reference, path)
            return bytes_of(path)
        except FileNotFoundError as exc:
            raise _missing(reference, str(self.directory)) from exc
        except OSError as exc:
            raise _unreadable(reference, path, exc) from exc

    def _refuse_shared(self, reference: str, path: Path) -> None:
        found, above = path.stat(), self.directory.stat()
        if not stat.S_ISREG(found.st_mode):
            why, hint = "it is no file", f"put the value into a file of mode 0600: {path}"
            raise ConfigurationError(
                f"the secret {reference} cannot be read", where=str(path), why=why, hint=hint
            )
        mode = stat.S_IMODE(found.st_mode)
        if mode & 0o077:
            raise ConfigurationError(
                f"the secret {reference} can be read by others",
                where=str(path),
                why=f"its mode is {mode:04o}",
                hint=f"chmod 0600 {path}",
            )
        if found.st_uid not in {0, os.geteuid(), above.st_uid}:
            raise ConfigurationError(
                f"the secret {reference} can be read by others",
                where=str(path),
                why=f"it belongs to the user {found.st_uid}",
                hint=f"see that it is what you put there, then: chown {above.st_uid} {path}",
            )
        for directory in (self.directory, path.parent):
            mode = stat.S_IMODE(directory.stat().st_mode)
            if mode & 0o022:
                raise ConfigurationError(
                    f"the secret {reference} can be exchanged by others",
                    where=str(directory),
                    why=f"the directory's mode is {mode:04o}",
                    hint=f"see that its files are what you put there, then: chmod 0700 {directory}",
                )

    def write(self, reference: str, value: bytes) -> None:
        """Put a value in place, whole or not at all."""
        path = self.path(reference)
        for directory in (self.directory, path.parent):
            directory.mkdir(mode=0o700, parents=True, exist_ok=True)
        land(path, value, mode=PRIVATE)


def _unreadable(reference: str, path: Path, exc: OSError) -> ConfigurationError:
    return ConfigurationError(
        f"the secret {reference} cannot be read", where=str(path), why=exc.strerror or str(exc)
    )


def _missing(reference: str, where: str) -> ConfigurationError:
    return ConfigurationError(
        f"the secret {reference} does not exist",
        where=where,
        hint=f"create secrets/{reference} with mode 0600",
    )
