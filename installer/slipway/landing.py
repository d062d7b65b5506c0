"""Files that land whole: whoever reads one sees what it was or what it is, also after a kill or a power cut.

The one place that replaces a small file. What is streamed, and goes on where it was interrupted, has drafts of its own.
"""

import os
import tempfile
from pathlib import Path

#: For what holds secrets, or tells of them.
PRIVATE = 0o600


def land(path: Path, content: str | bytes, *, mode: int | None = None) -> None:
    """Replace a file by rename; text is UTF-8. `mode` unset: the one that it has, else what the umask leaves of 0666.

    A link stays a link: what it leads to is replaced. What is no file, as /dev/stdout, is written to.
    Raises OSError, with nothing left behind.
    """
    data = content.encode() if isinstance(content, str) else content
    if path.exists() and not path.is_file():
        path.write_bytes(data)
        return
    target = Path(os.path.realpath(path))  # of links in a circle too, which the system then refuses
    descriptor, name = tempfile.mkstemp(dir=target.parent, prefix=f".{target.name}.")
    draft = Path(name)
    try:
        with os.fdopen(descriptor, "wb") as file:
            file.write(data)
            file.flush()
            os.fchmod(file.fileno(), _mode_of(target) if mode is None else mode)
            os.fsync(file.fileno())
        draft.replace(target)
    except BaseException:
        draft.unlink(missing_ok=True)
        raise


def _mode_of(target: Path) -> int:
    try:
        return target.stat().st_mode & 0o7777
    except FileNotFoundError:
        umask = os.umask(0)
        os.umask(umask)
        return 0o666 & ~umask
