"""`slipway completion SHELL`."""

from enum import StrEnum

import typer

app = typer.Typer()


class Shell(StrEnum):
    """Shells that completion exists for."""

    BASH = "bash"
    ZSH = "zsh"
    FISH = "fish"


@app.command()
def completion(shell: Shell) -> None:
    """Print a completion script, as in: source <(slipway completion bash)."""
    from typer._completion_shared import get_completion_script

    print(get_completion_script(prog_name="slipway", complete_var="_SLIPWAY_COMPLETE", shell=shell.value))
