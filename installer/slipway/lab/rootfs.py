"""What a fresh node starts from: a standard Debian server with sshd, built once per suite and cached.

"Standard" is Debian's own word: every package of priority required, important and standard. Beside them are
only what a server that one can log into has anyway. Nothing that a role installs may be in here, or the lab
would hide what is missing in the bundle; tests/nodes/test_lab.py compares the two lists.
"""

import json
import shutil
import textwrap
from hashlib import sha256
from pathlib import Path
from typing import Final

from slipway import settings
from slipway.lab import cgroups
from slipway.lab.machine import LabError, locked, run

SUITES: Final = {"debian-12": "bookworm", "debian-13": "trixie"}
#: Besides the standard packages: a login, an interpreter, and what a server's installation pulls in by
#: recommendation.
PACKAGES: Final = ("openssh-server", "python3", "sudo", "dbus", "libpam-systemd", "ca-certificates")
#: A cold build takes one to three minutes on two cores; another process may be at it.
BUILD_SECONDS: Final = 1200
#: Stands where a lab's short name stands in the names of control groups; too long to be one.
BUILDERS: Final = "rootfs-build"

#: Timers and clients that would ask the network by themselves: a lab's counters must only show what Slipway
#: causes.
QUIET: Final = ("systemd-timesyncd.service", "apt-daily.timer", "apt-daily-upgrade.timer")

#: Under cgroup v1 a container's systemd does not see a user manager's group become empty: stopping one takes
#: minutes, and every login waits for it.
MASKED: Final = ("user@.service",)

SOURCES: Final = "deb http://deb.debian.org/debian {suite} main\n"

#: nspawn mounts the controllers of cgroup v1 read-only, where a kubelet must write; and mounts arrive
#: private, where a server's are shared. A unit, so that it also holds after a reboot.
CGROUPS_UNIT: Final = textwrap.dedent("""\
    [Unit]
    Description=Make control groups writable and mounts shared, as on a server
    DefaultDependencies=no
    Before=sysinit.target
    [Service]
    Type=oneshot
    RemainAfterExit=yes
    ExecStart=/bin/sh -c 'for m in /sys/fs/cgroup /sys/fs/cgroup/*; do \\
      if mountpoint -q $m; then mount -o remount,bind,rw $m; fi; done; mount --make-rshared /'
    [Install]
    WantedBy=sysinit.target
    """)
UNIT_NAME: Final = "slipway-lab-cgroups.service"

#: Manuals and translations cost a third of the unpacking and no role reads them.
LEFT_OUT: Final = ("/usr/share/man/*", "/usr/share/doc/*", "/usr/share/locale/*", "/usr/share/info/*")


def path(system: str) -> Path:
    """Where the rootfs of this system is, or will be: named by suite and by what goes into it."""
    suite = _suite(system)
    recipe = json.dumps([suite, PACKAGES, QUIET, MASKED, SOURCES, CGROUPS_UNIT, LEFT_OUT, 1])
    return settings.cache_dir() / "rootfs" / f"{suite}-{sha256(recipe.encode()).hexdigest()[:12]}"


def ensure(system: str) -> Path:
    """The rootfs, built when the cache lacks it."""
    wanted = path(system)
    if wanted.is_dir():
        return wanted
    with locked(wanted.with_suffix(".lock"), what=f"the rootfs of {system}", seconds=BUILD_SECONDS):
        if not wanted.is_dir():
            _build(_suite(system), wanted)
    return wanted


def packages(root: Path) -> set[str]:
    """Names of the packages that are installed in a rootfs."""
    listing = run(
        "dpkg-query", f"--admindir={root}/var/lib/dpkg", "-W", "-f", "${db:Status-Abbrev}${Package}\n"
    )
    return {line[2:].strip() for line in listing.splitlines() if line.startswith("ii")}


def _suite(system: str) -> str:
    if system not in SUITES:
        raise LabError(f"no such system for a node: {system!r}", hint=f"one of {', '.join(SUITES)}")
    return SUITES[system]


def _mirror() -> str:
    """The Debian mirror that this machine's own apt uses."""
    listing = run("apt-get", "indextargets", "--format", "$(REPO_URI) $(COMPONENT)", "Created-By: Packages")
    lines = [line.split() for line in listing.splitlines()]
    archives = [uri for uri, part in lines if part == "main" and uri.rstrip("/").endswith("/debian")]
    if not archives:
        raise LabError(
            "this machine's apt knows no Debian archive",
            why="a node's rootfs is built from it",
            hint="add a line `deb MIRROR/debian bookworm main` under /etc/apt",
        )
    return archives[0]


def _build(suite: str, wanted: Path) -> None:
    """Build beside the wanted place and rename, so that a killed build leaves nothing that looks whole.

    The build has a control group of its own: what a killed one left running would write into ours.
    """
    group = cgroups.helper_group(BUILDERS, sha256(str(wanted).encode()).hexdigest()[:12])
    draft = wanted.with_suffix(".building")
    cgroups.remove(group)
    shutil.rmtree(draft, ignore_errors=True)
    wanted.parent.mkdir(parents=True, exist_ok=True)
    inside = cgroups.create(group, everywhere=False)
    try:
        run(*_command(suite, draft), before=lambda: cgroups.enter(inside))
    finally:
        cgroups.remove(group)
    _finish(draft, suite)
    draft.rename(wanted)


def _command(suite: str, draft: Path) -> list[str]:
    """The builder's command line, in a mount namespace so that its mounts go with it."""
    return [
        "unshare",
        "--mount",
        "--propagation",
        "private",
        "mmdebstrap",
        "--quiet",
        "--variant=standard",
        "--components=main",
        f"--include={','.join(PACKAGES)}",
        '--aptopt=Acquire::Languages "none"',
        *(f"--dpkgopt=path-exclude={pattern}" for pattern in LEFT_OUT),
        f'--customize-hook=chroot "$1" systemctl disable {" ".join(QUIET)}',
        f'--customize-hook=chroot "$1" systemctl mask {" ".join(MASKED)}',
        suite,
        str(draft),
        _mirror(),
    ]


def _finish(root: Path, suite: str) -> None:
    """Take away what belongs to the machine that built it; add the lab's one unit."""
    for stale in (*root.glob("etc/ssh/ssh_host_*"), *root.glob("etc/apt/apt.conf.d/99mmdebstrap")):
        stale.unlink()
    for stale in (*root.glob("etc/apt/sources.list.d/*"), root / "etc/resolv.conf"):
        stale.unlink(missing_ok=True)
    (root / "etc/apt/sources.list").write_text(SOURCES.format(suite=suite))
    (root / "etc/machine-id").write_text("")
    (root / "etc/fstab").write_text("")
    (root / "etc/systemd/system" / UNIT_NAME).write_text(CGROUPS_UNIT)
    run("systemctl", f"--root={root}", "enable", UNIT_NAME)
