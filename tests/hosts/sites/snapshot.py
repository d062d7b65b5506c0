"""Prints all that a host is, as JSON: run on a node before and after, to see what is left. Python's library only.

Usage: python3 - LEFT_OUT..., where LEFT_OUT are directories that nobody compares.
"""

import hashlib
import json
import os
import stat
import subprocess
import sys
from pathlib import Path


def output(*argv):
    """Lines of a program; none where it is not there."""
    try:
        return subprocess.run(argv, capture_output=True, text=True, check=False).stdout.splitlines()
    except FileNotFoundError:
        return []


def described(path):
    """Kind, owner, mode and content of what is at a path."""
    found = path.lstat()
    kind = stat.filemode(found.st_mode)
    who = f"{kind} {found.st_uid}:{found.st_gid}"
    if stat.S_ISLNK(found.st_mode):
        return f"{who} -> {path.readlink()}"
    if stat.S_ISREG(found.st_mode):
        return f"{who} {hashlib.sha256(path.read_bytes()).hexdigest()}"
    return who


def files(left_out):
    """Path -> what is there, over all that is on the root's own disk."""
    found = {}
    for base, directories, names in os.walk("/"):
        inside = {name: Path(base, name) for name in directories}
        directories[:] = [
            name for name, path in inside.items() if str(path) not in left_out and not path.is_mount()
        ]
        for name in [*directories, *names]:
            path = Path(base, name)
            if str(path) not in left_out:
                try:
                    found[str(path)] = described(path)
                except FileNotFoundError:
                    continue
    return found


def parameters():
    """Those of the host's network, which are its own in a container too."""
    found = {}
    for path in Path("/proc/sys/net").glob("ipv[46]/**/*"):
        try:
            found[str(path)] = path.read_text().strip()
        except OSError:
            continue
    return found


def processes():
    """Programs that run, each once; those of logins and of this very look do not count."""
    mine = {"sshd", "sh", "bash", "python3", "(sd-pam)", "systemctl", "sshd-session", "sftp-server"}
    found = set()
    for path in Path("/proc").glob("[0-9]*"):
        try:
            if (path / "cmdline").read_bytes():  # a thread of the kernel has none
                found.add((path / "comm").read_text().strip())
        except OSError:
            continue
    return sorted(name for name in found - mine if not name.startswith(("(", "sshd")))


def main():
    """All of it."""
    units = ("systemctl", "list-unit-files", "--no-legend", "--no-pager")
    active = ("systemctl", "list-units", "--no-legend", "--no-pager", "--plain", "--type=service,mount,timer")
    print(
        json.dumps(
            {
                "files": files(set(sys.argv[1:])),
                "units": sorted(" ".join(line.split()) for line in output(*units) if ".scope" not in line),
                "running": sorted(line.split()[0] for line in output(*active) if ".scope" not in line),
                "links": sorted(path.name for path in Path("/sys/class/net").iterdir()),
                "addresses": sorted(" ".join(line.split()[1:4]) for line in output("ip", "-o", "addr")),
                "routes": sorted(output("ip", "route")),
                "nftables": output("nft", "list", "ruleset"),
                "iptables": [line for line in output("iptables-save") if not line.startswith(("#", ":"))],
                "mounts": sorted(
                    line.split()[1] for line in Path("/proc/self/mounts").read_text().splitlines()
                ),
                "sysctl": parameters(),
                "processes": processes(),
                "hostname": os.uname().nodename,
                "users": sorted(Path("/etc/passwd").read_text().splitlines()),
            }
        )
    )


if __name__ == "__main__":
    main()
