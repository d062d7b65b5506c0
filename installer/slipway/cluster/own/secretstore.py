"""Secrets as the operator reads them: from the API, each when it is asked for, never listed, never on a disk.

Same face as the file store (`slipway.secrets.Secrets`): a reference is `NAME/KEY` of a Secret in the namespace.
"""

import base64
import os
from pathlib import Path

from slipway.cluster.rest.client import Client
from slipway.errors import ConfigurationError
from slipway.settings import NAMESPACE


class SecretReader:
    """Secrets of one namespace, each read once: a new reader per reconciliation sees new values."""

    def __init__(self, client: Client, namespace: str = NAMESPACE) -> None:
        self._client = client
        self._namespace = namespace
        self._read: dict[str, dict[str, bytes]] = {}

    def exists(self, reference: str) -> bool:
        """Whether there is a value."""
        name, key = _split(reference)
        return key in self._secret(name)

    def read(self, reference: str) -> bytes:
        """The value; ConfigurationError when there is none."""
        name, key = _split(reference)
        values = self._secret(name)
        if key not in values:
            kubectl = f"kubectl -n {self._namespace}"
            create = f"{kubectl} create secret generic {name} --from-file={key}=FILE"
            raise ConfigurationError(
                f"the secret {reference} does not exist",
                where=f"Secrets of namespace {self._namespace}",
                hint=f"{create}; where there is one: {kubectl} edit secret {name}",
            )
        return values[key]

    def materialize(self, reference: str, directory: Path) -> Path:
        """Put one value into a file of mode 0600 for a program that takes nothing else (ssh's key).

        `directory` is to be on a tmpfs, 0700, and removed by the caller.
        """
        name, key = _split(reference)
        directory.mkdir(mode=0o700, parents=True, exist_ok=True)
        path = directory / f"{name}.{key}"
        descriptor = os.open(path, os.O_WRONLY | os.O_CREAT | os.O_TRUNC | os.O_NOFOLLOW, 0o600)
        with os.fdopen(descriptor, "wb") as file:
            file.write(self.read(reference))
        return path

    def _secret(self, name: str) -> dict[str, bytes]:
        if name not in self._read:
            answer = self._client.get("v1", "Secret", name, self._namespace)
            data = (answer or {}).get("data") or {}
            self._read[name] = {key: base64.b64decode(value) for key, value in data.items()}
        return self._read[name]


def _split(reference: str) -> tuple[str, str]:
    name, _, key = reference.partition("/")
    if not name or not key or "/" in key:
        raise ConfigurationError(f"{reference!r} is no secret reference", hint="write it as NAME/KEY")
    return name, key
