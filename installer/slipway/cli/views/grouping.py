"""Options as one value: a dataclass whose fields are the options of a command, in the order of its help."""

import inspect
from collections.abc import Callable
from typing import Any, TypeVar, get_type_hints

Options = TypeVar("Options")


def taking(kind: Callable[..., Options]) -> Callable[[Callable[[Options], None]], Callable[..., None]]:
    """Decorates a command of one argument, whose options Typer reads off the fields of the dataclass `kind`."""
    hints = get_type_hints(kind, include_extras=True)
    parameters = [
        parameter.replace(annotation=hints[name], kind=inspect.Parameter.KEYWORD_ONLY)
        for name, parameter in inspect.signature(kind).parameters.items()
    ]

    def decorate(command: Callable[[Options], None]) -> Callable[..., None]:
        def taken(**values: Any) -> None:
            command(kind(**values))

        taken.__name__, taken.__doc__, taken.__module__ = (
            command.__name__,
            command.__doc__,
            command.__module__,
        )
        taken.__annotations__ = {**{one.name: one.annotation for one in parameters}, "return": None}
        taken.__signature__ = inspect.Signature(parameters)  # type: ignore[attr-defined] # as functools.wraps sets it
        return taken

    return decorate
