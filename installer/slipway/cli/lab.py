"""`slipway lab`: disposable nodes on this machine, for rehearsals and tests. Parsing and printing only."""

import os
import sys
from typing import TYPE_CHECKING, Annotated

import typer

from slipway.cli.views.output import Format, Output, colour, emit, table, tell

if TYPE_CHECKING:
    from slipway.lab import Lab

app = typer.Typer(no_args_is_help=True, help="Disposable nodes on this machine, with no way out.")

Name = Annotated[str, typer.Option("--name", envvar="SLIPWAY_LAB_NAME", help="Which lab.")]
NodeName = Annotated[str, typer.Argument(metavar="NODE", help="Name of a node, as node-1.")]


@app.command(epilog="Example: slipway lab up --nodes 3")
def up(
    nodes: Annotated[int, typer.Option(min=1, max=200, help="How many nodes.")] = 3,
    name: Name = "default",
    subnet: Annotated[str | None, typer.Option(help="A private /24; unset: 10.77.0.0/24.")] = None,
    system: Annotated[
        str, typer.Option("--os", help="debian-12 or debian-13 for all, or a comma-separated list.")
    ] = "debian-12",
    names: Annotated[str | None, typer.Option(help="Comma-separated; unset: node-1, node-2, ...")] = None,
    output: Output = Format.TEXT,
) -> None:
    """Boot the nodes, or those of them that do not run yet."""
    from slipway.lab import Lab

    lab = Lab(name, subnet)
    systems = system.split(",")
    lab.up(
        nodes,
        systems[0] if len(systems) == 1 else systems,
        names.split(",") if names else None,
        say=tell,
    )
    _print_status(lab, output)


@app.command()
def down(name: Name = "default") -> None:
    """Remove the lab with its processes, links, control groups and disks."""
    from slipway.lab import Lab

    lab = Lab(name)
    if not lab.known:
        print(f"there is no lab {name!r}: nothing to take down", file=sys.stderr)
    lab.down()  # in any case: a kill may have left processes of one that is not written down


@app.command()
def status(name: Name = "default", output: Output = Format.TEXT) -> None:
    """Show the nodes and whether they run."""
    from slipway.lab import Lab

    lab = Lab(name)
    lab.require_known()
    _print_status(lab, output)


@app.command(
    context_settings={"allow_interspersed_args": False, "ignore_unknown_options": True},
    epilog="What follows the node is the command. "
    "Examples: slipway lab ssh node-1; slipway lab ssh --name demo node-1 systemctl status kubelet",
)
def ssh(
    node: NodeName,
    command: Annotated[list[str] | None, typer.Argument(metavar="[CMD]...", help="Unset: a shell.")] = None,
    name: Name = "default",
) -> None:
    """Log in to a node as root, or run a command there, as ssh would."""
    from slipway.lab import Lab

    lab = Lab(name)
    lab.require_known()
    argv = [*lab.ssh_command(node), *(["--", *command] if command else [])]
    os.execvp(argv[0], argv)  # noqa: S606 - ssh takes this process's place, terminal and exit code


@app.command()
def reset(
    node: NodeName,
    name: Name = "default",
    new_host_key: Annotated[bool, typer.Option(help="As another machine in its place.")] = False,
) -> None:
    """Wipe a node's disk and boot it fresh."""
    from slipway.lab import Lab

    Lab(name).reset(node, new_host_key=new_host_key)


@app.command()
def egress(
    name: Name = "default",
    control: Annotated[
        bool,
        typer.Option("--control", help="Prove the counters with one packet and one question; set them to 0."),
    ] = False,
    output: Output = Format.TEXT,
) -> None:
    """Show what nodes tried to reach outside; all of it was dropped."""
    from slipway.lab import Lab

    lab = Lab(name)
    seen = lab.egress_control() if control else lab.egress()
    if output is Format.JSON:
        emit(seen)
        return
    print(f"{seen.packets} packets beyond the site, {seen.questions} questions for outside names")
    rows = [(address, "packets", str(count)) for address, count in seen.destinations.items()]
    rows += [(asked, "questions", str(count)) for asked, count in seen.names.items()]
    if rows:
        table(("TARGET", "WHAT", "COUNT"), rows)
    if control:
        print("the counters count; they are set to 0 now")


def _print_status(lab: "Lab", output: Format) -> None:
    """The lab as JSON, or as a table of nodes."""
    now = lab.status()
    if output is Format.JSON:
        emit(now)
        return
    from slipway.lab.status import NodeState

    hues = {NodeState.RUNNING: "green", NodeState.STOPPED: "yellow", NodeState.BROKEN: "red"}
    site = "up" if now.network and now.resolver else "down"
    print(f"lab {now.name}, {now.subnet}, network {site}, key {now.private_key}")
    if now.disk_full:
        print(colour(f"the disk below it is full: {now.disk_free // (1 << 20)} MiB are free", "red"))
    table(
        ("NODE", "ADDRESS", "OS", "STATE"),
        [(n.name, n.address, n.os, colour(n.state, hues[n.state])) for n in now.nodes],
    )
