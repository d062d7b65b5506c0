"""RPM packages from one local repository and from nowhere else. Used by slipway_packages.

A killed transaction leaves whole packages in the database, and at most one that is not in it: the next run installs it.
"""

from __future__ import annotations

import os

from ansible.module_utils.slipway_host import STATE_DIR, HostError, read_text, run, tail, write_atomic

WORK = f"{STATE_DIR}/dnf"
REPOSITORIES = f"{WORK}/repos"
REPOSITORY = f"{REPOSITORIES}/slipway.repo"
#: module_hotfixes: streams of the distribution's modules would hide packages of a repository that knows no modules.
TEXT = """\
[slipway]
name=Packages of this site
baseurl=file://{repository}
gpgcheck=0
module_hotfixes=1
metadata_expire=0
"""
#: dnf waits without end for another dnf; after so many seconds that is said.
SECONDS = 1800


def options() -> list[str]:
    """Our repository only, with caches of our own, so that the host's stay as they are; no plugin asks anybody."""
    settings = {
        "reposdir": REPOSITORIES,
        "cachedir": f"{WORK}/cache",
        "logdir": f"{WORK}/log",
        "persistdir": f"{WORK}/persist",
        "plugins": "0",
        "install_weak_deps": "0",
        "zchunk": "0",
    }
    return [f"--setopt={key}={value}" for key, value in settings.items()]


def files(repository: str) -> dict[str, str]:
    """Text of the repository's file, which is wholly ours."""
    return {REPOSITORY: TEXT.format(repository=repository)}


def statuses(names: list[str]) -> dict[str, str]:
    """Each package's version where it is installed."""
    done = run(["rpm", "--query", "--queryformat", "%{NAME} %{VERSION}-%{RELEASE} ok\n", *names])
    found = (line.split() for line in done.stdout.splitlines())
    return {fields[0]: fields[1] for fields in found if len(fields) == 3 and fields[2] == "ok"}


def prepare(repository: str) -> None:
    """Point dnf at the repository."""
    os.makedirs(REPOSITORIES, exist_ok=True)
    for path, text in files(repository).items():
        if read_text(path) != text:
            write_atomic(path, text)


def install(names: list[str]) -> list[str]:
    """Install or upgrade; the packages that came."""
    before = everything()
    done = run(["dnf", "--assumeyes", "--quiet", *options(), "install", *names], timeout=SECONDS)
    if done.returncode:
        raise HostError(f"the site's repository cannot satisfy {', '.join(names)}", why=reason(done.stderr))
    return sorted(everything() - before)


def reason(said: str) -> str:
    """What dnf says of the cause, in one line, without its advice to leave packages out."""
    lines = [line.strip(" -") for line in said.splitlines()]
    return tail(
        "; ".join(line for line in lines if line and line != "Error:" and not line.startswith("(try "))
    )


def everything() -> set[str]:
    """All packages with their versions."""
    done = run(["rpm", "--query", "--all", "--queryformat", "%{NAME} %{VERSION}-%{RELEASE}\n"])
    return set(done.stdout.splitlines())
