"""Runs the programs that builds need (go, gcc, apt-get, dpkg-deb, pip), with one kind of error."""

import os
import subprocess
from collections.abc import Mapping, Sequence
from pathlib import Path

from slipway.errors import BundleError

#: Lines of a failed program's output that a person reads.
TAIL = 15


def output_of(argv: Sequence[str], *, cwd: Path | None = None, env: Mapping[str, str] | None = None) -> str:
    """Its standard output; BundleError with the end of its messages when it fails or is missing."""
    try:
        done = subprocess.run(
            argv,
            cwd=cwd,
            env={**os.environ, **(env or {})},
            stdin=subprocess.DEVNULL,
            capture_output=True,
            text=True,
            encoding="utf-8",
            errors="replace",
            check=True,
        )
    except FileNotFoundError as exc:
        raise BundleError(f"{argv[0]} is not installed", hint=f"install {argv[0]} and build again") from exc
    except subprocess.CalledProcessError as exc:
        tail = "\n".join((exc.stderr or exc.stdout or "").strip().splitlines()[-TAIL:])
        raise BundleError(
            f"{' '.join(argv[:3])} ended with {exc.returncode}",
            where=str(cwd or ""),
            why=tail,
            hint="mend the cause and run the same command again; what is built already is kept",
        ) from exc
    return done.stdout
