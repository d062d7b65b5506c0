"""Options as one value: a dataclass whose fields are the options of a command, in the order of its help."""

import inspect
from collections.abc import Callable
from typing import Any, TypeVar, get_type_hints

Options = TypeVar("Options")
#: None, or an exit code.
Code = TypeVar("Code", None, int)


def taking(kind: Callable[..., Options]) -> Callable[[Callable[[Options], Code]], Callable[..., Code]]:
    """Decorates a command of one argument, whose options Typer reads off the fields of the dataclass `kind`."""
    hints = get_type_hints(kind, include_extras=True)
    parameters = [
        parameter.replace(annotation=hints[name], kind=inspect.Parameter.KEYWORD_ONLY)
        for name, parameter in inspect.signature(kind).parameters.items()
    ]

    def decorate(command: Callable[[Options], Code]) -> Callable[..., Code]:
        def taken(**values: Any) -> Code:
            return command(kind(**values))

        taken.__name__, taken.__doc__, taken.__module__ = (
            command.__name__,
            command.__doc__,
            command.__module__,
        )
        returned = get_type_hints(command)["return"]
        taken.__annotations__ = {**{one.name: one.annotation for one in parameters}, "return": returned}
        taken.__signature__ = inspect.Signature(parameters)  # type: ignore[attr-defined] # as functools.wraps sets it
        return taken

    return decorate
