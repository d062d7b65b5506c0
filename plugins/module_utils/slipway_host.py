"""What Slipway's modules share on a target host: atomic files, the host lock, running programs.

Runs on the target with Python >= 3.9 and the standard library only.
"""

from __future__ import annotations

import contextlib
import fcntl
import grp
import hashlib
import io
import json
import os
import pwd
import stat
import subprocess
import time
from collections.abc import Iterator
from typing import TYPE_CHECKING, Any, NoReturn

from ansible.module_utils.slipway_error import HostError
from ansible.module_utils.slipway_paths import look, make_directory, opened, reading, write_atomic

# Whatever the login's umask is (077 on hardened hosts): files have modes of their own, but directories made on the way,
# and what programs write that modules start, would be root's alone, where apt, resolvers and people have to read.
os.umask(0o022)

if TYPE_CHECKING:
    from ansible.module_utils.basic import AnsibleModule

STATE_DIR = "/var/lib/slipway"
BEGIN, END = "# BEGIN slipway", "# END slipway"
#: Ends the name of what a file held before a change that nobody has judged yet.
FORMER = ".former"
FLOCK = f"{STATE_DIR}/.flock"


def fail(module: AnsibleModule, error: Exception, **more: object) -> NoReturn:
    """End a module with an error."""
    own = error if isinstance(error, HostError) else HostError(str(error))
    module.fail_json(msg=str(own), stderr=own.why, **{**more, **own.details})


def run(
    argv: list[str],
    *,
    timeout: float = 120,
    stdin: str | None = None,
    environment: dict[str, str] | None = None,
) -> subprocess.CompletedProcess[str]:
    """Run a program with a time limit; its end is the caller's to judge. 127: there is no such program.

    It keeps inherited descriptors, and with them the locks that this process holds.
    """
    whole = {**os.environ, "LC_ALL": "C", "DEBIAN_FRONTEND": "noninteractive", **(environment or {})}
    try:
        return subprocess.run(
            argv,
            capture_output=True,
            text=True,
            timeout=timeout,
            input=stdin,
            env=whole,
            close_fds=False,
            check=False,
        )
    except FileNotFoundError:
        return subprocess.CompletedProcess(argv, 127, "", f"{argv[0]}: not found")
    except subprocess.TimeoutExpired:
        return subprocess.CompletedProcess(argv, 124, "", f"{argv[0]} did not end within {timeout:.0f} s")


def must(
    argv: list[str],
    *,
    timeout: float = 120,
    stdin: str | None = None,
    environment: dict[str, str] | None = None,
) -> str:
    """Run a program that has to succeed; its output."""
    done = run(argv, timeout=timeout, stdin=stdin, environment=environment)
    if done.returncode:
        words = tail(done.stderr or done.stdout)
        raise HostError(f"{' '.join(argv[:3])} failed with status {done.returncode}", why=words)
    return done.stdout


def tail(text: str, lines: int = 20) -> str:
    """The last lines, where programs say why they ended."""
    return "\n".join(text.strip().splitlines()[-lines:])


def sha256_text(text: str) -> str:
    """sha256 of a text."""
    return hashlib.sha256(text.encode()).hexdigest()


def sha256_file(path: str) -> str | None:
    """sha256 of a file; None when there is none."""
    digest = hashlib.sha256()
    try:
        with reading(path) as stream:
            for chunk in iter(lambda: stream.read(1 << 20), b""):
                digest.update(chunk)
    except (FileNotFoundError, NotADirectoryError, IsADirectoryError):
        return None
    return digest.hexdigest()


def read_text(path: str) -> str | None:
    """A file's text; None when there is none."""
    try:
        with io.TextIOWrapper(reading(path), encoding="utf-8", errors="replace") as stream:
            return stream.read()
    except (FileNotFoundError, NotADirectoryError):
        return None


def with_block(text: str, block: str) -> str:
    """The text with our block in it: at its old place, else at the end."""
    lines = text.splitlines()
    ours = [BEGIN, *block.rstrip("\n").splitlines(), END] if block.strip() else []
    try:
        first = lines.index(BEGIN)
        last = lines.index(END, first)
    except ValueError:
        first, last = len(lines), len(lines) - 1
    return "\n".join([*lines[:first], *ours, *lines[last + 1 :]]) + "\n"


def ids(owner: str, group: str) -> tuple[int, int]:
    """Numbers of a user and a group."""
    try:
        uid = pwd.getpwnam(owner).pw_uid
        gid = grp.getgrnam(group).gr_gid
    except KeyError as error:
        raise HostError(f"no such owner: {error.args[0]}") from error
    return uid, gid


def stands(
    path: str, text: str | None = None, *, mode: int | None = 0o644, owner: tuple[int, int] = (0, 0)
) -> bool:
    """Whether a file of ours is there as wanted: itself and no link, with that text, mode and owner.

    Without a text its content, without a mode its permissions are somebody else's matter.
    """
    now = look(path)
    if now is None or not stat.S_ISREG(now.st_mode) or (now.st_uid, now.st_gid) != owner:
        return False
    return (mode is None or stat.S_IMODE(now.st_mode) == mode) and (text is None or read_text(path) == text)


def read_json(path: str, newest: int = 1) -> dict[str, Any]:
    """A state file; empty when there is none. One of a newer format is refused."""
    text = read_text(path)
    if text is None:
        return {}
    try:
        value: dict[str, Any] = json.loads(text)
    except ValueError as error:
        raise HostError(f"{path} is not JSON: {error}") from error
    if not 1 <= value.get("format", 1) <= newest:
        raise HostError(f"{path} has format {value['format']}, which this release does not know")
    return value


def write_json(path: str, value: dict[str, Any]) -> None:
    """A state file, readable by root only."""
    write_atomic(path, json.dumps(value, sort_keys=True) + "\n", mode=0o600)


@contextlib.contextmanager
def locked(path: str = FLOCK, *, seconds: float = 30) -> Iterator[int]:
    """Hold an flock. Its handle is inheritable: programs started under it keep it if this process dies."""
    make_directory(os.path.dirname(path))
    handle = opened(path, os.O_RDWR | os.O_CREAT)
    os.set_inheritable(handle, True)
    deadline = time.monotonic() + seconds
    try:
        while True:
            try:
                fcntl.flock(handle, fcntl.LOCK_EX | fcntl.LOCK_NB)
                break
            except BlockingIOError:
                if time.monotonic() > deadline:
                    raise HostError(
                        f"{path} is held by another process for more than {seconds:.0f} s"
                    ) from None
                time.sleep(0.1)
        yield handle
    finally:
        os.close(handle)


def now() -> str:
    """UTC, ISO 8601."""
    return time.strftime("%Y-%m-%dT%H:%M:%SZ", time.gmtime())
