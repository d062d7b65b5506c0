"""The face of the lab: up, down, status, reset, and what the nodes tried to reach outside.

Called by the command line, by tests and by the demo. Everything it needs to know about what runs it reads
from the machine, so a lab that a killed run left behind is simply found as it is and brought to what was
asked for.
"""

import shutil
import subprocess
from collections.abc import Callable, Mapping, Sequence
from contextlib import AbstractContextManager
from dataclasses import replace
from pathlib import Path
from types import MappingProxyType
from typing import Final

from slipway.lab import access, cgroups, disk, keys, machine, network, resolver, rootfs, state, supervisor
from slipway.lab.egress import CONTROL_PROGRAM, Egress, has_control
from slipway.lab.machine import LabError
from slipway.lab.state import LabNode, Site
from slipway.lab.status import LabStatus, NodeState, NodeStatus

DEFAULT_NAME: Final = "default"
DEFAULT_SUBNET: Final = "10.77.0.0/24"
#: Another `up` may be building a rootfs.
BUSY_SECONDS: Final = 1200
CONTROL_SECONDS: Final = 5


class Lab:
    """One site of disposable nodes. Making the object changes nothing."""

    def __init__(
        self,
        name: str = DEFAULT_NAME,
        subnet: str | None = None,
        networks: Mapping[str, str] = MappingProxyType({}),
    ) -> None:
        """`networks`: further ones, name -> subnet; a lab that is up already has those that it was made with."""
        state.check(name, subnet or DEFAULT_SUBNET)
        further = state.plan_networks(subnet or DEFAULT_SUBNET, networks)
        known = state.load(name)
        if known and subnet and known.subnet != subnet:
            raise LabError(
                f"lab {name!r} has subnet {known.subnet}, not {subnet}",
                hint=f"`slipway lab down --name {name}` first",
            )
        self._site = known or Site(name=name, subnet=subnet or DEFAULT_SUBNET, networks=further)

    @property
    def site(self) -> Site:
        """Name, subnet, nodes and places."""
        return self._site

    @property
    def known(self) -> bool:
        """Whether there is a lab of this name on this machine."""
        return self._site.name in state.names()

    def require_known(self) -> None:
        """LabError where there is none: one that was misspelt is not one that is down."""
        machine.require()
        name, here = self._site.name, state.names()
        if not self.known:
            why = f"those here: {', '.join(here)}" if here else "there is none here"
            raise LabError(
                f"there is no lab {name!r}",
                why=why,
                hint=f"name it, before the node if there is one: --name LAB; or boot one: slipway lab up --name {name}",
            )

    @property
    def nodes(self) -> tuple[LabNode, ...]:
        """The nodes, in the order of their addresses."""
        return self._site.nodes

    @property
    def private_key(self) -> Path:
        """The key that root of every node accepts (0600)."""
        return self._site.private_key

    @property
    def known_hosts(self) -> Path:
        """File with the nodes' pinned host keys."""
        return self._site.known_hosts

    def host_keys(self) -> tuple[str, ...]:
        """The same as lines: `name,address type key`."""
        return access.host_key_lines(self._site)

    def up(
        self,
        nodes: int = 3,
        os: str | Sequence[str] = "debian-12",
        names: Sequence[str] | None = None,
        *,
        say: Callable[[str], None] = lambda _: None,
    ) -> tuple[LabNode, ...]:
        """Bring the lab to these nodes, all booted; what runs already is left alone. `say` hears each stage."""
        machine.require()
        wanted_names = tuple(names or (f"node-{index + 1}" for index in range(nodes)))
        systems = (os,) * len(wanted_names) if isinstance(os, str) else tuple(os)
        if len(systems) != len(wanted_names):
            raise LabError(
                f"{len(wanted_names)} nodes, but {len(systems)} systems named", hint="name one for each"
            )
        with self._alone():
            self._refuse_other(state.plan_nodes(self._site.subnet, wanted_names, systems))
            disk.refuse_full(self._site)
            if scarce := disk.scarce(self._site, len(self.nodes)):
                say(scarce)
            for system in sorted({node.os for node in self.nodes}):
                if not rootfs.path(system).exists():
                    say(f"building the rootfs of {system} (once; about a minute)")
                rootfs.ensure(system)
            self._start_site()
            for node in self.nodes:
                if self._boot(node):
                    say(f"booting {node.name} ({node.os}, {node.address})")
            for node in self.nodes:
                access.wait_booted(self._site, node)
        return self.nodes

    def down(self) -> None:
        """Remove the lab with all its processes, links, control groups and disks; no lab is fine too."""
        machine.require()
        with self._alone():
            groups = cgroups.groups(self._site.ident)
            for group in sorted(
                groups, key=lambda name: not name.endswith(".helper")
            ):  # or they restart nodes
                cgroups.remove(group)
            network.remove(self._site)
            if self._site.directory.exists():
                shutil.rmtree(self._site.directory)
        self._site = replace(self._site, nodes=())

    def status(self) -> LabStatus:
        """What there is, and what of it runs."""
        machine.require()
        site = self._site
        return LabStatus(
            name=site.name,
            subnet=site.subnet,
            network=network.exists(site),
            resolver=bool(cgroups.members(cgroups.helper_group(site.ident, resolver.HELPER))),
            private_key=str(site.private_key),
            known_hosts=str(site.known_hosts),
            disk_free=machine.free_disk(site.directory),
            disk_full=disk.is_full(site),
            nodes=tuple(
                NodeStatus(node.name, node.address, node.os, self._state(node)) for node in site.nodes
            ),
        )

    def reset(self, node: str, *, new_host_key: bool = False) -> None:
        """Wipe the node's disk and boot it fresh; with `new_host_key` as another machine in its place."""
        machine.require()
        found = self._site.node(node)
        with self._alone():
            self._stop(found)
            disk.wipe(self._site.node_directory(found) / "disk")
            if new_host_key:
                disk.forget_host_key(self._site, found)
            self._start_site()
            self._boot(found)
            access.wait_booted(self._site, found)

    def kill(self, node: str) -> None:
        """Stop the node as a power cut does; its disk stays."""
        machine.require()
        with self._alone():
            self._stop(self._site.node(node))

    def start(self, node: str) -> None:
        """Boot a stopped node with the disk it has."""
        machine.require()
        found = self._site.node(node)
        with self._alone():
            self._start_site()
            self._boot(found)
            access.wait_booted(self._site, found)

    def wait(self, node: str) -> None:
        """Wait until the node is booted, as after a reboot from inside."""
        access.wait_booted(self._site, self._site.node(node))

    def ssh_command(self, node: str, argv: Sequence[str] = ()) -> list[str]:
        """The ssh command line for a node: a login, or one program."""
        return access.command(self._site, self._site.node(node), argv)

    def ssh(
        self,
        node: str,
        argv: Sequence[str],
        *,
        check: bool = True,
        stdin: str | None = None,
        timeout: float = 120,
    ) -> subprocess.CompletedProcess[str]:
        """Run a program as root on a node; with `check` a failure is a LabError that holds its words."""
        done = access.run(self._site, self._site.node(node), argv, stdin=stdin, timeout=timeout)
        if check and done.returncode != 0:
            raise LabError(
                f"exit status {done.returncode}: {' '.join(argv)[:200]}",
                where=f"node {node}",
                why=(done.stderr or done.stdout).strip()[-1000:],
            )
        return done

    def address(self, name: str, node: str) -> str:
        """A node's address on a further network."""
        return self._site.address_on(self._network(name), self._site.node(node))

    def sent(self, name: str = "") -> int:
        """Bytes that the nodes have sent on a network since they booted; unset: on the lab's own."""
        return network.sent(self._site.bridge_of(self._network(name)) if name else self._site.bridge)

    def _network(self, name: str) -> state.LabNetwork:
        found = next((further for further in self._site.networks if further.name == name), None)
        if found is None:
            raise LabError(f"no network {name!r}", where=f"lab {self._site.name}")
        return found

    def egress(self) -> Egress:
        """What nodes tried beyond the site since the last control."""
        machine.require()
        if not network.exists(self._site):
            raise LabError(
                f"lab {self._site.name!r} is not up", hint=f"`slipway lab up --name {self._site.name}`"
            )
        packets, sent = network.packets(self._site)
        return Egress.of(packets, sent, resolver.counted(self._site.questions))

    def egress_control(self) -> Egress:
        """Prove the counters with one packet and one question from a node, then set them to zero."""
        self._reset_egress()
        self.ssh(self.nodes[0].name, ["python3", "-c", CONTROL_PROGRAM])
        machine.wait_until(self._control_seen, seconds=CONTROL_SECONDS)
        seen = self.egress()
        if not self._control_seen():
            raise LabError(
                "the egress counters do not count",
                why=f"after a control packet and question they read {seen}",
            )
        self._reset_egress()
        return seen

    def _control_seen(self) -> bool:
        return has_control(self.egress())

    def _reset_egress(self) -> None:
        network.reset(self._site)
        self._site.questions.open("w").close()

    def _alone(self) -> AbstractContextManager[None]:
        lock = state.root_directory() / f".{self._site.name}.lock"
        return machine.locked(lock, what=f"lab {self._site.name!r}", seconds=BUSY_SECONDS)

    def _refuse_other(self, wanted: tuple[LabNode, ...]) -> None:
        """Take the wanted nodes on, unless one of them exists as something else. Further nodes stay."""
        have = {node.name: node for node in self._site.nodes}
        for node in wanted:
            if have.get(node.name, node) != node:
                raise LabError(
                    f"node {node.name!r} exists as {have[node.name].os} at {have[node.name].address}",
                    why=f"{node.os} at {node.address} was asked for",
                    hint=f"`slipway lab down --name {self._site.name}` first",
                )
        new = tuple(node for node in wanted if node.name not in have)
        taken = {node.address for node in self._site.nodes}
        if clash := [node.name for node in new if node.address in taken]:
            raise LabError(f"the addresses of {', '.join(clash)} are taken", hint="take the lab down first")
        self._site = replace(self._site, nodes=(*self._site.nodes, *new))

    def _start_site(self) -> None:
        """Everything around the nodes."""
        network.refuse_collision(self._site)
        state.save(self._site)
        network.ensure(self._site)
        keys.ensure(self._site.private_key, f"lab {self._site.name}")
        for node in self._site.nodes:
            self._site.node_directory(node).mkdir(parents=True, exist_ok=True)
        access.write_known_hosts(self._site)
        resolver.start(self._site)

    def _boot(self, node: LabNode) -> bool:
        """Start the node unless it runs; the leftovers of a killed one go first. Whether it was started."""
        if self._state(node) is NodeState.RUNNING:
            return False
        self._stop(node)
        disk.prepare(self._site, node)
        supervisor.start(self._site, node)
        return True

    def _stop(self, node: LabNode) -> None:
        cgroups.remove(cgroups.helper_group(self._site.ident, node.name))
        cgroups.remove(cgroups.node_group(self._site.ident, node.name))
        network.clear_link(self._site, node)

    def _state(self, node: LabNode) -> NodeState:
        inside = bool(cgroups.members(cgroups.node_group(self._site.ident, node.name)))
        outside = bool(cgroups.members(cgroups.helper_group(self._site.ident, node.name)))
        if inside and outside:
            return NodeState.RUNNING
        return NodeState.BROKEN if inside or outside else NodeState.STOPPED
