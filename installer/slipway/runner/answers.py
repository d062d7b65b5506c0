"""How much a host may say: its answers come over OpenSSH into Ansible's memory, which has no limit of its own."""

import subprocess
from types import SimpleNamespace
from typing import IO, Any, Final

#: Bytes of one answer, and of what is said beside it. Those of our modules have some hundred KiB.
LONGEST: Final = 16 << 20


def limit_answers() -> None:
    """From here on a host that says more than `LONGEST` has failed: it alone."""
    from ansible.plugins.connection import ssh

    ssh.subprocess = SimpleNamespace(**{**vars(subprocess), "Popen": _Speaker})


class _Speaker(subprocess.Popen[bytes]):
    """A program of OpenSSH."""

    def __init__(self, *args: Any, **options: Any) -> None:
        super().__init__(*args, **options)
        self.stdout, self.stderr = _limited(self.stdout), _limited(self.stderr)


def _limited(pipe: IO[bytes] | None) -> Any:
    return None if pipe is None else _Limited(pipe)


class _Limited:
    """The end of a pipe, as Ansible reads it."""

    def __init__(self, pipe: IO[bytes]) -> None:
        self._pipe, self._left = pipe, LONGEST

    def read(self, size: int = -1) -> bytes | None:
        from ansible.errors import AnsibleError

        wanted = self._left + 1 if size < 0 else min(size, self._left + 1)
        data = self._pipe.read(wanted)
        self._left -= len(data or b"")
        if self._left < 0:
            raise AnsibleError(f"its answer has more than {LONGEST >> 20} MiB")
        return data

    def __getattr__(self, name: str) -> Any:
        return getattr(self._pipe, name)
