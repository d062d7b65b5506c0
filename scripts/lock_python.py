"""Writes the sha256 of every file that may be used behind each line of a Python lock: `lock_python.py [FILE]...`.

The names and versions are a person's choice and stay as they are; pip asks the index for the files. Run it after a
version was changed, look at the difference, and commit both. Without FILE: all locks. Those below images/ and modules/
are what a bundle is made of, those below requirements/ what scripts/setup.sh installs.
"""

import json
import os
import re
import subprocess
import sys
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path

from slipway import catalog
from slipway.bundle.make.sources.python import wheels_for
from slipway.catalog.pins import PythonPin
from slipway.model.platforms import PLATFORMS, Platform

ROOT = Path(__file__).parents[1]
#: Interpreters of the locks of a folder: as images/versions.yaml has them; those that a checkout may be used with.
PYTHONS = {"images": ("3.11", "3.13"), "modules": ("3.11",), "requirements": ("3.11", "3.12", "3.13")}
LOCKS = (
    *("images/go.txt", "images/operator/pip.txt", "images/operator/requirements.txt"),
    *(f"requirements/{name}.txt" for name in ("run", "build", "dev", "mutate")),
)
#: What is published as source alone.
SOURCES = ("yattag",)


def of_modules() -> list[str]:
    """The locks that build.yaml of a module names."""
    known = catalog.load().versions
    return [
        str(known.file(source.name, source.lock).relative_to(ROOT))
        for source in known.sources
        if isinstance(source, PythonPin) and source.name in known.folders
    ]


def hashes(pins: list[str], python: str, platform: Platform) -> dict[str, str]:
    """Of each of these NAME==VERSION that this interpreter takes, the sha256 of its wheel, or of its source."""
    argv = [sys.executable, "-m", "pip", "install", "--quiet", "--dry-run", "--ignore-installed", "--no-deps"]
    argv += ["--report", "-", "--target", "/nowhere", *wheels_for(python, platform)]
    argv += ["--no-binary", ",".join(SOURCES), *pins]
    env = {name: value for name, value in os.environ.items() if name != "PIP_FIND_LINKS"}
    done = subprocess.run(argv, stdout=subprocess.PIPE, text=True, check=True, env=env)
    found = json.loads(done.stdout)["install"]
    return {
        plain(item["metadata"]["name"]): item["download_info"]["archive_info"]["hashes"]["sha256"]
        for item in found
    }


def plain(name: str) -> str:
    return re.sub(r"[-_.]+", "-", name).lower()


def locked(text: str, pythons: tuple[str, ...]) -> str:
    """The same lines, with hashes behind each."""
    lines = [line for line in text.splitlines() if not line.startswith("    --hash=")]
    lines = [line.removesuffix(" \\") for line in lines]
    pins = [line for line in lines if line and not line.startswith("#")]
    ways = [(pins, python, platform) for python in pythons for platform in PLATFORMS]
    with ThreadPoolExecutor(2) as pool:
        found = list(pool.map(lambda way: hashes(*way), ways))
    out = []
    for line in lines:
        name = plain(line.partition("==")[0])
        known = sorted({answer[name] for answer in found if name in answer})
        out.append(" \\\n".join([line, *(f"    --hash=sha256:{digest}" for digest in known)]))
    return "\n".join(out) + "\n"


def main() -> int:
    for name in sys.argv[1:] or (*LOCKS, *of_modules()):
        path = ROOT / name
        pythons = PYTHONS[path.relative_to(ROOT).parts[0]]
        path.write_text(locked(path.read_text(encoding="utf-8"), pythons), encoding="utf-8")
        print(name)
    return 0


if __name__ == "__main__":
    sys.exit(main())
