"""Servers under User-Mode Linux, on the bridge of a lab: for what needs a kernel other than this machine's.

Their kernel is Debian's own package, with nfs, nfsd and ceph. One CPU, and a fork costs ten times what it does
elsewhere: keep what runs there short.

    with uml_nodes(lab, "nas", "client", packages=("nfs-common",)) as machines:
        machines.ssh("client", ["uname", "-r"])
"""

import base64
import shlex
import shutil
import subprocess
from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from dataclasses import dataclass
from ipaddress import IPv4Network
from pathlib import Path

from slipway.bundle.ground.workshop import Workshop
from slipway.bundle.make.apt import Apt
from slipway.bundle.make.packages import TAR, build_repository
from slipway.catalog import versions
from slipway.lab import Lab, cgroups, keys, rootfs
from slipway.lab.machine import LabError, run, wait_until
from slipway.lab.state import LabNode
from slipway.settings import cache_dir

SYSTEM, SUITE = "debian-13", "trixie"
#: Only later suites have a kernel of this architecture with all that is needed; it brings its own C library.
KERNEL_SUITE = "forky"
#: Last octet of the first one, behind those of the lab's own nodes.
FIRST = 201
IMAGE_BYTES, MEMORY = 2 << 30, "640M"
#: Usual are 30 and 10; a busy machine needs many times that.
BOOT_SECONDS, STOP_SECONDS = 400, 200
SEED = """\
[Unit]
Description=Take keys and address from whoever booted this machine
DefaultDependencies=no
After=systemd-remount-fs.service
Before=sysinit.target
[Service]
Type=oneshot
ExecStart=/bin/sh -c 'cd /run/credentials/@system && mkdir -p -m 700 /root/.ssh && umask 077 && \
  cat authorized_keys > /root/.ssh/authorized_keys && cat hostkey > /etc/ssh/ssh_host_ed25519_key'
[Install]
WantedBy=sysinit.target
"""
#: Its C library is newer than this machine's; started by that one's loader it takes the gap below its heap for memory.
CHROOT = """\
root=$1 cache=$2; shift 2
for path in /dev /proc "$cache"; do mount --rbind "$path" "$root$path"; done
exec chroot "$root" "$@"
"""
NETWORK = "[Match]\nName=vec0\n[Network]\nAddress={address}/{prefix}\nGateway={gateway}\n"
#: What would only cost time there.
MASKED = (
    "systemd-networkd-wait-online.service",
    "apt-daily.timer",
    "e2scrub_all.timer",
    "networking.service",
)


def kernel(workshop: Workshop) -> Path:
    """Debian's package and the C library it wants, unpacked."""

    def unpack(dest: Path) -> None:
        for package in Apt(KERNEL_SUITE, workshop).download(["user-mode-linux"]):
            run("dpkg-deb", "--extract", str(package.path), str(dest))
        for name in ("lib", "lib64"):
            (dest / name).symlink_to(f"usr/{name}")
        for inside in ("/dev", "/proc", str(cache_dir())):
            (dest / inside.strip("/")).mkdir(parents=True)

    return workshop.make("uml", "kernel", KERNEL_SUITE, [KERNEL_SUITE, "user-mode-linux", 2], unpack)


def image(workshop: Workshop, packages: Sequence[str]) -> Path:
    """A disk: the lab's own root file system, the kernel's modules, and packages that would take minutes there."""
    base, modules = rootfs.ensure(SYSTEM), kernel(workshop) / "usr/lib/uml/modules"
    recipe = [base.name, modules.parents[3].name, list(packages), SEED, MASKED, IMAGE_BYTES, 1]

    def build(dest: Path) -> None:
        root = dest / "root"
        run("cp", "--archive", str(base), str(root))
        run("cp", "--archive", str(modules), str(root / "usr/lib/"))
        _install(root, packages, workshop)
        (root / "etc/systemd/system/uml-seed.service").write_text(SEED)
        run("systemctl", f"--root={root}", "enable", "uml-seed.service", "systemd-networkd.service")
        run("systemctl", f"--root={root}", "mask", *MASKED)
        disk = dest / "disk.raw"
        with disk.open("wb") as file:
            file.truncate(IMAGE_BYTES)
        run("mkfs.ext4", "-q", "-O", "^has_journal", "-d", str(root), str(disk))
        shutil.rmtree(root)

    return workshop.make("uml", "disk", SUITE, recipe, build) / "disk.raw"


def _install(root: Path, packages: Sequence[str], workshop: Workshop) -> None:
    """From the repository that a bundle has; no service starts."""
    tar, _ = build_repository(versions.load().packages, SYSTEM, workshop, packages)
    repository, policy = root / "mnt/repository", root / "usr/sbin/policy-rc.d"
    repository.mkdir()
    run("tar", "-xf", str(tar.parent / TAR), "-C", str(repository))
    policy.write_text("#!/bin/sh\nexit 101\n")
    policy.chmod(0o755)
    (root / "tmp/list").write_text("deb [trusted=yes] file:/mnt/repository ./\n")
    options = ["-o", "Dir::Etc::sourcelist=/tmp/list", "-o", "Dir::Etc::sourceparts=-", "-qq"]
    inside = ["env", "DEBIAN_FRONTEND=noninteractive", "chroot", str(root), "apt-get", *options]
    run(*inside, "update")
    run(*inside, "install", "--yes", "--no-install-recommends", *packages)
    shutil.rmtree(repository)
    policy.unlink()
    for deb in root.glob("var/cache/apt/archives/*.deb"):
        deb.unlink()


@dataclass(frozen=True, slots=True)
class Machine:
    """One of them; its disk is a file of differences over the image. Its processes are the lab's, as its link is."""

    lab: Lab
    node: LabNode
    directory: Path
    kernel: Path
    image: Path
    spare: Path | None = None
    """A second disk, /dev/ubdb there; it has no serial number."""

    @property
    def tap(self) -> str:
        """Its link on this machine."""
        return f"uml-{self.lab.site.machine(self.node)}"

    @property
    def group(self) -> str:
        """The control group by which it is ended, also by `Lab.down`."""
        return cgroups.helper_group(self.lab.site.ident, self.node.name)

    @property
    def running(self) -> bool:
        """Whether it has processes."""
        return bool(cgroups.members(self.group))

    def start(self) -> None:
        """Boot with the disk it has."""
        if not Path("/sys/class/net", self.tap).exists():
            run("ip", "tuntap", "add", self.tap, "mode", "tap")
            run("ip", "link", "set", self.tap, "master", self.lab.site.bridge, "up")
        argv = ["unshare", "--mount", "--propagation", "private", "sh", "-ec", CHROOT, "sh", str(self.kernel)]
        argv += [str(cache_dir()), "/usr/bin/linux.uml", f"mem={MEMORY}", "root=/dev/ubda", "rw"]
        argv += [f"ubd0={self.directory / 'cow'},{self.image}", "con0=null,fd:1", "con=null", "ssl=null"]
        argv += [f"ubd1={self.spare}"] if self.spare else []
        argv += ["seccomp=auto", f"umid={self.tap}", f"uml_dir={self.directory}"]
        argv += [f"vec0:transport=tap,ifname={self.tap},mac=02:00:{_hex(self.node.address)},depth=64,gro=1"]
        argv += [f"systemd.hostname={self.node.name}"]
        argv += [
            f"systemd.set_credential_binary={name}:{base64.b64encode(text.encode()).decode()}"
            for name, text in self._credentials().items()
        ]
        cgroups.start(self.group, ["env", "TMPDIR=/dev/shm", *argv], self.directory / "console.log")

    def kill(self) -> None:
        """As a power cut."""
        cgroups.remove(self.group)

    def _credentials(self) -> dict[str, str]:
        site = self.lab.site
        return {
            "hostkey": (self.directory / "hostkey").read_text(),
            "authorized_keys": site.private_key.with_name("id_ed25519.pub").read_text(),
            "network.network.10-lab": NETWORK.format(
                address=self.node.address, prefix=site.prefix, gateway=site.gateway
            ),
        }


@dataclass(frozen=True, slots=True)
class Machines:
    """What a test sees of them: as a lab's nodes, with the lab's key."""

    lab: Lab
    machines: tuple[Machine, ...]

    @property
    def nodes(self) -> tuple[LabNode, ...]:
        """The nodes, in the order named."""
        return tuple(machine.node for machine in self.machines)

    @property
    def private_key(self) -> Path:
        """The lab's."""
        return self.lab.private_key

    @property
    def known_hosts(self) -> Path:
        """Their host keys."""
        return self.machines[0].directory.parent / "known_hosts"

    def host_keys(self) -> tuple[str, ...]:
        """One line each: `name,address type key`."""
        return tuple(
            f"{m.node.name},{m.node.address} {' '.join((m.directory / 'hostkey.pub').read_text().split()[:2])}"
            for m in self.machines
        )

    def machine(self, name: str) -> Machine:
        """The one of that name."""
        return next(machine for machine in self.machines if machine.node.name == name)

    def ssh(
        self,
        node: str,
        argv: Sequence[str],
        *,
        check: bool = True,
        stdin: str | None = None,
        timeout: float = 600,
    ) -> subprocess.CompletedProcess[str]:
        """Run a program as root, as `Lab.ssh` does."""
        options = f"-F none -i {self.private_key} -o UserKnownHostsFile={self.known_hosts} -o BatchMode=yes"
        options += " -o StrictHostKeyChecking=yes -o ConnectTimeout=8 -o LogLevel=ERROR -o IdentitiesOnly=yes"
        target = f"root@{self.machine(node).node.address}"
        done = subprocess.run(
            ["ssh", *options.split(), target, "--", shlex.join(argv)],
            input=stdin or "",
            capture_output=True,
            text=True,
            timeout=timeout,
            check=False,
        )
        if check and done.returncode:
            raise LabError(
                f"{' '.join(argv)[:200]} failed", where=node, why=(done.stderr or done.stdout)[-1000:]
            )
        return done

    def boot_id(self, node: str) -> str:
        """Which boot this is; empty while it does not answer."""
        done = self.ssh(node, ["cat", "/proc/sys/kernel/random/boot_id"], check=False)
        return done.stdout.strip() if done.returncode == 0 else ""

    def wait(self, node: str) -> None:
        """Until one can log in."""
        machine = self.machine(node)
        wait_until(lambda: bool(self.boot_id(node)) or not machine.running, seconds=BOOT_SECONDS, step=1)
        if not self.boot_id(node):
            log = (machine.directory / "console.log").read_text(errors="replace")
            raise LabError(f"{node} does not answer", why=log[-2000:])

    def stop(self, node: str) -> None:
        """Shut down, as a server does."""
        machine = self.machine(node)
        self.ssh(node, ["systemctl", "poweroff"], check=False)
        if not wait_until(lambda: not machine.running, seconds=STOP_SECONDS, step=0.5):
            raise LabError(
                f"{node} does not shut down", why=(machine.directory / "console.log").read_text()[-2000:]
            )

    def start(self, node: str) -> None:
        """Boot again."""
        self.machine(node).start()
        self.wait(node)


@contextmanager
def uml_nodes(lab: Lab, *names: str, packages: Sequence[str], spare: int = 0) -> Iterator[Machines]:
    """Machines that are up; gone at the end, however it ends. What a killed run leaves goes with its lab.

    `spare`: bytes of a second disk of each; 0: none.
    """
    workshop = Workshop(lambda _text: None)
    base, disk = kernel(workshop), image(workshop, tuple(sorted(packages)))
    made = (_machine(lab, name, base, disk, index, spare) for index, name in enumerate(names))
    found = Machines(lab, tuple(made))
    found.known_hosts.write_text("".join(f"{line}\n" for line in found.host_keys()))
    try:
        for machine in found.machines:
            machine.start()
        for name in names:
            found.wait(name)
        yield found
    finally:
        for machine in found.machines:
            machine.kill()


def _machine(lab: Lab, name: str, base: Path, disk: Path, index: int, spare: int) -> Machine:
    directory = lab.site.directory / "uml" / name
    directory.mkdir(parents=True)
    keys.ensure(directory / "hostkey", name)
    node = LabNode(name, str(IPv4Network(lab.site.subnet)[FIRST + index]), SYSTEM)
    second = directory / "spare" if spare else None
    if second:
        with second.open("wb") as file:
            file.truncate(spare)
    return Machine(lab, node, directory, base, disk, second)


def _hex(address: str) -> str:
    return ":".join(f"{int(part):02x}" for part in address.split("."))
