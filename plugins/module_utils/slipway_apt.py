"""Debian packages from one local repository and from nowhere else. Used by slipway_packages."""

from __future__ import annotations

from ansible.module_utils.slipway_error import HostError
from ansible.module_utils.slipway_host import STATE_DIR, must, run, stands, tail
from ansible.module_utils.slipway_paths import make_directory, write_atomic

WORK = f"{STATE_DIR}/apt"
SOURCES = f"{WORK}/slipway.list"
#: A first boot's unattended upgrade can hold dpkg for minutes.
DPKG_LOCK_SECONDS = 300


def options() -> list[str]:
    """Our source only, with lists and caches of our own, so that the host's stay as they are."""
    settings = {
        "Dir::Etc::sourcelist": SOURCES,
        "Dir::Etc::sourceparts": "-",
        "Dir::State::lists": f"{WORK}/lists",
        "Dir::Cache": f"{WORK}/cache",
        "APT::Sandbox::User": "root",
        "DPkg::Lock::Timeout": str(DPKG_LOCK_SECONDS),
        "Dpkg::Options::": "--force-confdef",
        "Dpkg::Use-Pty": "0",
    }
    found = [part for key, value in settings.items() for part in ("-o", f"{key}={value}")]
    return [*found, "-o", "Dpkg::Options::=--force-confold"]


def files(repository: str) -> dict[str, str]:
    """Text of the sources file, which is wholly ours."""
    return {SOURCES: f"deb [trusted=yes] file:{repository} ./\n"}


def statuses(names: list[str]) -> dict[str, str]:
    """Each package's version where it is wholly installed."""
    done = run(["dpkg-query", "-W", "-f", "${Package} ${db:Status-Status} ${Version}\n", *names])
    found = (line.split() for line in done.stdout.splitlines())
    return {fields[0]: fields[2] for fields in found if len(fields) == 3 and fields[1] == "installed"}


def prepare(repository: str) -> None:
    """Finish what a killed run left half done, and point apt at the repository."""
    if run(["dpkg", "--audit"]).stdout.strip():
        must(["dpkg", "--configure", "-a", "--force-confdef", "--force-confold"], timeout=1800)
    for folder in (f"{WORK}/lists/partial", f"{WORK}/cache/archives/partial"):
        make_directory(folder)
    for path, text in files(repository).items():
        if not stands(path, text):
            write_atomic(path, text)
    must(["apt-get", *options(), "--quiet", "update"], timeout=120)


def install(names: list[str]) -> list[str]:
    """Install; what apt says it changes."""
    base = ["apt-get", *options(), "--quiet", "--no-install-recommends", "install"]
    planned = run([*base, "--simulate", *names], timeout=120)
    if planned.returncode:
        raise HostError(f"the site's repository cannot satisfy {', '.join(names)}", why=tail(planned.stderr))
    wanted = [" ".join(line.split()[1:3]) for line in planned.stdout.splitlines() if line.startswith("Inst ")]
    if wanted:
        done = run([*base, "--yes", *names], timeout=1800)
        if done.returncode:
            raise HostError("apt-get install failed", why=tail(done.stderr or done.stdout))
    return wanted
