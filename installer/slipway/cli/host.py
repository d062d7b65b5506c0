"""`slipway host explain|trust|forget`: one host, looked at whole, known by another key, or let go."""

from typing import TYPE_CHECKING, Annotated

import typer

from slipway.cli.views.output import DEFAULT_FILE, ConfigurationFile, Format, Output, confirm, emit
from slipway.errors import ApprovalRequired, before_changes

if TYPE_CHECKING:
    from slipway.engine.errands.forgetting import Farewell
    from slipway.engine.errands.trusting import Introduction

app = typer.Typer(no_args_is_help=True, help="Look at one host, trust its key, or forget one that is gone.")


@app.command(
    epilog="Exit codes: 0 read, 3 no such host, 4 it could not be read. "
    "Examples: slipway host explain worker-01; slipway host explain worker-01 -o json"
)
def explain(
    name: Annotated[str, typer.Argument(help="Host, as spec.hosts.items names it.")],
    file: ConfigurationFile = DEFAULT_FILE,
    output: Output = Format.TEXT,
) -> int:
    """Show one host whole: settings and where each is from, steps done and begun, lock, changed files, node."""
    from slipway.cli.running import opened_context
    from slipway.cli.views.hostview import host_text
    from slipway.engine.enquiry.hostview import host_view as look_at
    from slipway.engine.enquiry.hostview import view_data

    view = look_at(opened_context(file, None), name)
    if output is Format.JSON:
        emit(view_data(view))
    else:
        print(host_text(view))
    return view.error.exit_code if view.error else 0


@app.command(
    epilog="Exit codes: 0 trusted, 4 it does not answer or shows another key, 6 nobody agreed. "
    "Examples: slipway host trust worker-01; slipway host trust worker-01 --fingerprint SHA256:...; "
    "slipway host trust --bastion"
)
def trust(
    name: Annotated[
        str, typer.Argument(help="Host, as spec.hosts.items or the cluster names it, or its address.")
    ] = "",
    fingerprint: Annotated[
        str,
        typer.Option(
            metavar="SHA256:...",
            help="What it has to show, as ssh-keygen -l prints it; then nobody is asked.",
        ),
    ] = "",
    bastion: Annotated[
        bool, typer.Option("--bastion", help="The machine in between, instead of a host.")
    ] = False,
    file: ConfigurationFile = DEFAULT_FILE,
    output: Output = Format.TEXT,
) -> None:
    """Show the host key that a host shows and the known one, and believe the new one: here and in the cluster.

    The host is asked for its key and told nothing. An operator believes only keys that are made known to it.
    """
    from slipway.cli.running import opened_context
    from slipway.cli.views.hostview import trusted_data, trusted_text
    from slipway.engine.errands.trusting import introduction_of, refuse_other
    from slipway.engine.errands.trusting import trust as believe

    if bool(name) == bastion:
        raise typer.BadParameter("name one host, or give --bastion")
    context = opened_context(file, None)
    with before_changes():
        introduction = introduction_of(context, name, bastion=bastion)
        if fingerprint:
            refuse_other(introduction, fingerprint)
        elif introduction.news:
            _agree_to_key(introduction)
    unheard = believe(context, introduction)
    if output is Format.JSON:
        emit(trusted_data(introduction, unheard))
    else:
        print(trusted_text(introduction, unheard))


def _agree_to_key(introduction: "Introduction") -> None:
    """Ask whoever has looked at the host's console; there is no yes without a look."""
    known = ", ".join(key.shown for key in introduction.known) or "none"
    text = f"{introduction.shown.host} shows {introduction.shown.shown}; known was {known}"
    if not confirm(f"{text}. Does the console of {introduction.name} show the same?", yes=False):
        raise ApprovalRequired(
            f"to trust {introduction.name} needs somebody who compared its key",
            why=text,
            hint="on its console: ssh-keygen -lf /etc/ssh/ssh_host_ed25519_key.pub (or the file of that kind); "
            "then give what it prints: --fingerprint SHA256:...",
        )


@app.command(epilog="Examples: slipway host forget worker-01; slipway host forget worker-09 --yes")
def forget(
    name: Annotated[
        str, typer.Argument(help="Host; or an address, where neither file nor cluster knows it any more.")
    ],
    yes: Annotated[bool, typer.Option("--yes", "-y", help="Agree to the deletion of its node.")] = False,
    file: ConfigurationFile = DEFAULT_FILE,
    output: Output = Format.TEXT,
) -> None:
    """Forget the key of a host that was reinstalled or is gone, and delete its node where the file has it no more.

    The host itself is not touched.
    """
    from slipway.cli.running import opened_context
    from slipway.cli.views.hostview import forgotten_data, forgotten_text
    from slipway.engine.errands.forgetting import farewell_to
    from slipway.engine.errands.forgetting import forget as let_go

    context = opened_context(file, None)
    with before_changes():
        farewell = farewell_to(context, name)
        _agree(farewell, yes=yes)
    done = let_go(context, farewell)
    if output is Format.JSON:
        emit(forgotten_data(done))
    else:
        print(forgotten_text(done))


def _agree(farewell: "Farewell", *, yes: bool) -> None:
    """Ask before a Node goes; a key alone is met again at the next contact."""
    node = farewell.node
    if node is None:
        return
    state = "is Ready, so its host still runs" if node.ready else "is NotReady"
    why = "; ".join([f"node {node.name} {state}", *farewell.notes])
    if not confirm(f"{why}. Delete the node {node.name}? Its host is not touched.", yes=yes):
        raise ApprovalRequired(
            f"to delete the node {node.name} needs your consent",
            why=why,
            hint="run it with --yes; a host that still runs leaves in order with slipway apply",
        )
