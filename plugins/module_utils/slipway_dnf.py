"""dnf with our repository only: a configuration, caches and a note of its own; the host's repositories stay unread.

The files of a repository are checked by the digest of their archive before they are on the host, so no signature is
asked for. Streams of modules do not hide packages of ours: whoever gathered them chose the stream.
"""

from __future__ import annotations

import os

from ansible.module_utils.slipway_error import HostError
from ansible.module_utils.slipway_host import (
    STATE_DIR,
    must,
    read_json,
    run,
    stands,
    tail,
    write_json,
)
from ansible.module_utils.slipway_paths import make_directory, unlink, write_atomic

WORK = f"{STATE_DIR}/dnf"
SETTINGS = f"{WORK}/dnf.conf"
#: There while a transaction runs, with the packages that it is about; a killed run leaves it.
PENDING = f"{WORK}/transaction.json"
#: dnf waits for another dnf without an end: an update at night may take this long, and our own installation too.
SECONDS = 1800
#: What dnf says when the packages are the cause, and not the host.
UNSATISFIED = (
    "No match for argument",
    "Unable to find a match",
    "nothing provides",
    "Problem",
    "conflicting requests",
)
TEXT = """\
[main]
reposdir={work}/none
cachedir={work}/cache
plugins=0
best=1
install_weak_deps=0
clean_requirements_on_remove=0
gpgcheck=0

[slipway]
name=Packages of the site's bundle
baseurl=file://{repository}
gpgcheck=0
module_hotfixes=1
"""


def files(repository: str) -> dict[str, str]:
    """Files that are wholly ours: path -> text."""
    return {SETTINGS: TEXT.format(work=WORK, repository=repository)}


def providers(name: str) -> dict[str, str]:
    """Installed packages of that name, or that say they are it: package -> version."""
    done = run(["rpm", "-q", "--qf", "%{NAME} %{EVR}\n", "--whatprovides", name])
    return {} if done.returncode else dict(line.split(" ", 1) for line in done.stdout.splitlines())


def statuses(names: list[str]) -> dict[str, str]:
    """Each package's version where it, or what stands in for it, is installed."""
    found = {name: providers(name) for name in names}
    return {name: there.get(name, next(iter(there.values()))) for name, there in found.items() if there}


def prepare(repository: str) -> None:
    """Point dnf at the repository, and finish what a killed run left half done."""
    make_directory(f"{WORK}/cache")
    for path, text in files(repository).items():
        if not stands(path, text):
            write_atomic(path, text)
    _repair()


def _repair() -> None:
    """Put packages of a killed transaction in once more: their files or scripts may be half done."""
    wanted = [name for name in read_json(PENDING).get("names", []) if name in providers(name)]
    if wanted:
        transaction("reinstall", wanted)
    if os.path.exists(PENDING):
        unlink(PENDING)


def install(names: list[str]) -> list[str]:
    """Install or bring up to date; which packages are new. What stands in for another one is left alone."""
    own = [name for name in names if name in (there := providers(name)) or not there]
    before = everything()
    if own:
        write_json(PENDING, {"format": 1, "names": own})
        transaction("install", own)
        unlink(PENDING)
    return sorted(everything() - before)


def everything() -> set[str]:
    """All that is installed."""
    return set(must(["rpm", "-qa", "--qf", "%{NAME} %{EVR}\n"]).splitlines())


def transaction(what: str, names: list[str]) -> None:
    """Let dnf do it.

    Raises:
        HostError: in words that tell packages that do not fit from a host on which dnf fails.
    """
    base = ["dnf", "--config", SETTINGS, "--quiet", "--assumeyes", "--disablerepo=*", "--enablerepo=slipway"]
    done = run([*base, "--refresh", what, *names], timeout=SECONDS)
    if not done.returncode:
        return
    words = "\n".join(
        line.strip() for line in (done.stderr or done.stdout).splitlines() if line.strip() != "Error:"
    )
    if any(sign in words for sign in UNSATISFIED):
        raise HostError(f"the site's repository cannot satisfy {', '.join(names)}", why=tail(words))
    raise HostError(f"dnf {what} failed", why=tail(words))
