"""Accounts of registries as Docker keeps them: in config.json ($DOCKER_CONFIG, ~/.docker), or with a credential helper.

Such a helper is a program, docker-credential-NAME: it is told a registry on its standard input, and answers in JSON.
It is asked when its registry is asked for the first time, and for no other one.
"""

import base64
import binascii
import json
import os
import signal
import subprocess
from collections.abc import Mapping
from contextlib import suppress
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any, Final, Protocol, Self

from slipway.bundle.registry.tokens import IDENTITY
from slipway.errors import BundleError
from slipway.smallfiles import json_of

#: User and password, or IDENTITY and a token.
Credentials = tuple[str, str]
#: Seconds: some helpers ask a service of their own, or a person.
PATIENCE = 60.0
#: What a helper says of a registry that it does not know.
_UNKNOWN: Final = "credentials not found"
#: Of a helper's own words, in a message.
_LONGEST: Final = 300


class Accounts(Protocol):
    """Accounts by registry."""

    def get(self, registry: str, default: Credentials, /) -> Credentials:
        """The account of a registry, or what else to use."""
        ...


def docker_config() -> Path:
    """Docker's file of accounts."""
    folder = os.environ.get("DOCKER_CONFIG")
    return (Path(folder) if folder else Path.home() / ".docker") / "config.json"


@dataclass(frozen=True, slots=True)
class DockerAccounts:
    """`helpers`: names of helpers by registry; `store`: the one for all others, if there is one."""

    file: Path
    auths: Mapping[str, Credentials] = field(default_factory=dict)
    helpers: Mapping[str, str] = field(default_factory=dict)
    store: str = ""

    @classmethod
    def read(cls, file: Path) -> Self:
        """Of the file; none where there is no file.

        Raises:
            BundleError: the file is damaged.
        """
        try:
            data = json_of(file)
            auths = {name: _account(entry) for name, entry in data.get("auths", {}).items()}
            helpers = {str(name): str(helper) for name, helper in data.get("credHelpers", {}).items()}
            known = {name: account for name, account in auths.items() if account}
            return cls(file, known, helpers, str(data.get("credsStore", "")))
        except FileNotFoundError:
            return cls(file)
        except (OSError, ValueError, AttributeError, TypeError, binascii.Error) as exc:
            hint = "mend the file, or name another directory in DOCKER_CONFIG"
            what = "Docker's accounts cannot be read"
            raise BundleError(what, where=str(file), why=str(exc), hint=hint) from exc

    def get(self, registry: str, default: Credentials, /) -> Credentials:
        """What its helper says, else what the file itself has.

        Raises:
            BundleError: the helper is missing or fails.
        """
        name = self.helpers.get(registry, self.store)
        found = self._asked(f"docker-credential-{name}", registry) if name else None
        return found or self.auths.get(registry, default)

    def _asked(self, program: str, registry: str) -> Credentials | None:
        """None: it knows none."""
        try:
            status, out, err = _run([program, "get"], registry)
        except OSError as exc:
            raise self._failed(program, registry, f"it cannot be started: {exc.strerror}") from exc
        except subprocess.TimeoutExpired as exc:
            raise self._failed(program, registry, f"no answer after {PATIENCE:.0f} s") from exc
        if status:
            if _UNKNOWN in out:
                return None
            # Its protocol has errors on standard output; an answer with a secret may be there as well.
            said = err if "Secret" in out else out or err
            raise self._failed(program, registry, f"it ended with {status}: {said.strip()[:_LONGEST]}")
        try:
            data = json.loads(out)
            user, secret = str(data["Username"]), str(data["Secret"])
        except (ValueError, KeyError, TypeError):  # which would quote the secret
            raise self._failed(program, registry, "its answer has no Username and Secret") from None
        return (user, secret) if secret else None

    def _failed(self, program: str, registry: str, why: str) -> BundleError:
        hint = f"put {program} on PATH and log in again, or take it out of {self.file}"
        return BundleError(f"{program} gives no account for {registry}", where=registry, why=why, hint=hint)


def _account(entry: Mapping[str, Any]) -> Credentials | None:
    if entry.get("identitytoken"):
        return IDENTITY, str(entry["identitytoken"])
    user, _, password = base64.b64decode(entry.get("auth") or "").decode().partition(":")
    return (user, password) if user else None


def _run(argv: list[str], text: str) -> tuple[int, str, str]:
    """Exit status, standard output, standard error; what it has started ends with it."""
    pipe = subprocess.PIPE
    with subprocess.Popen(argv, stdin=pipe, stdout=pipe, stderr=pipe, process_group=0) as process:
        try:
            out, err = process.communicate(text.encode(), PATIENCE)
        except BaseException:
            with suppress(ProcessLookupError):
                os.killpg(process.pid, signal.SIGKILL)
            raise
    return process.returncode, out.decode(errors="replace"), err.decode(errors="replace")
