"""The directory of one run: inventory, extra variables and secret files, for its owner and one run only.

Whoever uses it keeps it locked, and the kernel lets go of what a killed process held, in whatever container it was. So
the next run takes away what killed ones left, and nothing else.
"""

import fcntl
import json
import logging
import os
import re
import shutil
import tempfile
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any, Final

from slipway.harmless import plain
from slipway.runner.redaction import Redactor
from slipway.runner.variables import inventory, resolve

log = logging.getLogger(__name__)

_MEMORY: Final = Path("/dev/shm")  # noqa: S108 - mkdtemp makes directories ours alone
#: What begins the names of such directories; a process number follows, for people who look.
_PREFIX: Final = "slipway-run"
#: A socket's path may have 108 bytes; OpenSSH adds 17 and Ansible 10 to the directory.
_SHORT: Final = 56
_COLOUR: Final = re.compile(r"\x1b\[[0-9;]*[A-Za-z]|\r")


@dataclass(frozen=True, slots=True)
class Scratch:
    """The run's own directory. `lock`: a descriptor of it, shared with the run's supervisor; open while it is used."""

    path: Path
    lock: int

    @classmethod
    def make(cls, directory: Path) -> "Scratch":
        """In memory where possible: secrets then never reach a disk."""
        directory.mkdir(mode=0o700, parents=True, exist_ok=True)
        bases = [_MEMORY, directory]
        base = next(b for b in bases if b is directory or (b.is_mount() and os.access(b, os.W_OK)))
        if len(str(base)) > _SHORT:
            base = Path(tempfile.gettempdir())
        sweep(base)
        while True:
            path = Path(tempfile.mkdtemp(prefix=f"{_PREFIX}{os.getpid()}-", dir=base))
            lock = _opened(path)
            if lock is not None:
                fcntl.flock(lock, fcntl.LOCK_SH)
                if path.is_dir():
                    return cls(path, lock)
                os.close(lock)  # somebody who swept took it for that of a dead one

    def remove(self) -> None:
        """Take it away, whatever is in it."""
        shutil.rmtree(self.path, ignore_errors=True)
        os.close(self.lock)

    @property
    def inventory(self) -> Path:
        """Host variables with secrets in place."""
        return self.path / "inventory.yaml"

    def write(
        self,
        hosts: Mapping[str, Mapping[str, Any]],
        groups: Mapping[str, Sequence[str]],
        extra: Mapping[str, Any],
        read: Callable[[str], str],
    ) -> list[str]:
        """Inventory, extra variables and secret files; returns all secrets, for redaction."""
        values: dict[str, str] = {}

        def value(reference: str) -> str:
            values[reference] = read(reference)
            return values[reference]

        def file(reference: str) -> str:
            path = self.path / "secrets" / reference
            path.parent.mkdir(mode=0o700, parents=True, exist_ok=True)
            text = value(reference)
            write_private(
                path, text if text.endswith("\n") else f"{text}\n"
            )  # OpenSSH wants a key's last line ended
            return str(path)

        resolved = {host: resolve(variables, value, file) for host, variables in hosts.items()}
        write_private(self.inventory, inventory(resolved, groups))
        (self.path / "env").mkdir(mode=0o700, exist_ok=True)
        write_private(self.path / "env" / "extravars", json.dumps(_unsafe(resolve(extra, value, file))))
        return list(values.values())

    def keep_log(self, directory: Path, name: str, redactor: Redactor) -> Path | None:
        """What a person would have seen on the terminal, without secrets; None where the disk takes no more.

        A run has done what it did, whether or not that can be read up on.
        """
        path = directory / f"{name}.log"
        sources = [self.path / "artifacts" / "run" / "stdout", self.path / "supervisor.log"]
        texts = [
            source.read_text(encoding="utf-8", errors="replace") for source in sources if source.is_file()
        ]
        try:
            write_private(path, plain(redactor.text(_COLOUR.sub("", "".join(texts)))))
        except OSError as error:
            log.warning("%s is not kept: %s", path, error.strerror)
            return None
        return path


def sweep(base: Path = _MEMORY) -> None:
    """Take away directories of runs of ours whose processes are all gone."""
    for path in base.glob(f"{_PREFIX}*"):
        lock = _opened(path)
        if lock is None:
            continue
        try:
            fcntl.flock(lock, fcntl.LOCK_EX | fcntl.LOCK_NB)
            shutil.rmtree(path, ignore_errors=True)
        except BlockingIOError:  # it runs
            pass
        finally:
            os.close(lock)


def _opened(path: Path) -> int | None:
    """A descriptor of a directory of our own; None where it is gone, somebody else's, or a link."""
    try:
        descriptor = os.open(path, os.O_RDONLY | os.O_DIRECTORY | os.O_NOFOLLOW | os.O_CLOEXEC)
    except OSError:
        return None
    if os.fstat(descriptor).st_uid == os.geteuid():
        return descriptor
    os.close(descriptor)
    return None


def _unsafe(value: Any) -> Any:
    """For JSON what `!unsafe` is for YAML."""
    if isinstance(value, str):
        return {"__ansible_unsafe": value} if "{" in value else value
    if isinstance(value, Mapping):
        return {key: _unsafe(item) for key, item in value.items()}
    return [_unsafe(item) for item in value] if isinstance(value, list) else value


def write_private(path: Path, text: str) -> None:
    """A new file of mode 0600, in place of any other."""
    path.unlink(missing_ok=True)
    descriptor = os.open(path, os.O_WRONLY | os.O_CREAT | os.O_EXCL, 0o600)
    with os.fdopen(descriptor, "w", encoding="utf-8") as file:
        file.write(text)
