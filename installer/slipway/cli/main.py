"""Entry point: finds the command, imports only its file, and turns every error into one screen and an exit code."""

import json
import signal
import sys
from importlib import import_module
from typing import Any

import typer
from typer.core import TyperGroup

from slipway.errors import Interrupted, SlipwayError

#: Command -> module of this package; its `app` is a Typer with one command or a group. In the order of help.
COMMANDS = {
    "init": "init",
    "preflight": "preflight",
    "plan": "plan",
    "apply": "apply",
    "install": "install",
    "status": "status",
    "kubeconfig": "kubeconfig",
    "operation": "operation",
    "module": "module",
    "host": "host",
    "secrets": "secrets",
    "reset": "reset",
    "bundle": "bundle",
    "registry": "registry",
    "catalog": "catalog",
    "crd": "crd",
    "lab": "lab",
    "egress": "egress",
    "operator": "operator",
    "version": "version",
    "completion": "completion",
}


class LazyGroup(TyperGroup):
    """Imports a command's file when it is asked for: the command line starts in the time of one file."""

    def list_commands(self, ctx: Any) -> list[str]:
        """All commands, in the order in which a newcomer needs them."""
        del ctx
        return list(COMMANDS)

    def get_command(self, ctx: Any, cmd_name: str) -> Any:
        """The command, imported now."""
        if cmd_name not in COMMANDS:
            from slipway.api.explain import nearest

            if close := nearest(cmd_name, list(COMMANDS)):
                ctx.fail(f"there is no command {cmd_name!r}: {close}")
            return None
        module = import_module(f"slipway.cli.{COMMANDS[cmd_name]}")
        command = typer.main.get_command(module.app)
        command.name = cmd_name
        # Every Typer offers these; here `slipway completion` does it, once.
        command.params = [param for param in command.params if not param.name.endswith("_completion")]
        return command


app = typer.Typer(
    cls=LazyGroup,
    no_args_is_help=True,
    add_completion=False,
    rich_markup_mode=None,
    help="Slipway: bare Linux servers to a Kubernetes AI platform that follows its ClusterConfiguration.",
    epilog="Exit codes: 0 done, 1 a step failed, 2 usage (plan --detailed-exitcode: changes), 3 configuration, "
    "4 preflight, 5 conflict, 6 approval needed, 7 bundle, 8 not well (status), 130 interrupted.",
)


@app.callback()
def _root(ctx: "typer.Context") -> None:
    """Global things come here; there are none."""
    del ctx


def main() -> None:
    """Run the command line. However it ends, it ends in an exit code, and in one screen where that is not 0."""
    from slipway.cli.views import streams

    try:
        streams.prepare()
        code = _ended()
        streams.finish(told=code != 0)
    except BrokenPipeError:  # nobody reads on: `slipway plan | head`
        streams.drop()
        code = 1
    except SlipwayError as error:  # on stderr for machines too: stdout is what failed
        code = _shown(error)
    except KeyboardInterrupt:
        code = Interrupted.exit_code
    signal.signal(signal.SIGINT, signal.SIG_DFL)  # nothing is left to be interrupted
    sys.exit(code)


def _ended() -> int:
    """The exit code of the command, whose error is told."""
    try:
        code = typer.main.get_command(app)(standalone_mode=False)
    except SlipwayError as error:
        return report(error)
    except (KeyboardInterrupt, typer.Abort):
        return report(
            Interrupted("interrupted", hint="run it again: what is done is recorded, and not done twice")
        )
    except BrokenPipeError:
        raise
    except Exception as exc:
        usage = _usage_exit(exc)
        return report(_translated(exc)) if usage is None else usage
    return code if isinstance(code, int) else 0


def _translated(exc: Exception) -> SlipwayError:
    from slipway.cli.faults import translated

    return translated(exc)


def report(error: SlipwayError) -> int:
    """Print an error where its reader looks: JSON on stdout for machines, one screen on stderr for people."""
    from slipway.cli.views import streams

    if not wants_json(sys.argv):
        return _shown(error)
    try:
        print(json.dumps(error.as_dict(), indent=2), flush=True)
    except BrokenPipeError:
        raise
    except OSError:  # stdout is what failed
        streams.drop()
        return _shown(error)
    return error.exit_code


def _shown(error: SlipwayError) -> int:
    from slipway.cli.views.output import print_error

    print_error(error)
    return error.exit_code


def wants_json(argv: list[str]) -> bool:
    """Whether `-o json` was given, however it was spelled."""
    own = argv[1 : argv.index("--")] if "--" in argv else argv[1:]
    joined = " ".join(own)
    return any(form in joined for form in ("-o json", "-ojson", "--output json", "--output=json"))


def _usage_exit(exc: Exception) -> int | None:
    """Typer's own errors print themselves; None: it is none of these."""
    show = getattr(exc, "show", None)
    if show is None:
        return getattr(exc, "exit_code", None)
    said = getattr(exc, "message", None)
    if isinstance(said, str):  # what the library that reads the value says of itself
        exc.message = said.removeprefix("Value error, ")  # type: ignore[attr-defined]
    show()
    return int(getattr(exc, "exit_code", 2))
