"""Requests as plain data, in steps' inputs and in a playbook's variables, and read back.

The digests of what stands in clusters are made of this form: what a request does not use is left out of it.
"""

from collections.abc import Mapping
from functools import cache
from typing import Any, Final, TypeVar

from pydantic import TypeAdapter, ValidationError

from slipway.errors import StepError
from slipway.model.plan import Action
from slipway.planning.requests.request import ModuleRequest, ModuleTurn, RemovalRequest

Read = TypeVar("Read")

#: Fields that are written where they have something to say; all others are always there. Of releases: `wait`.
_OPTIONAL: Final = ("module_secrets", "upgrade")


def as_inputs(request: ModuleRequest | RemovalRequest) -> dict[str, Any]:
    """A request as a step's inputs have it."""
    form: Any = type(request)
    written: dict[str, Any] = _form(form).dump_python(request, mode="json")
    for release in written.get("releases", ()):
        if not release["wait"]:
            del release["wait"]
    return {key: value for key, value in written.items() if value or key not in _OPTIONAL}


def module_request(inputs: Mapping[str, Any]) -> ModuleRequest:
    """Of the inputs of a step that installs or changes a module."""
    return _read(ModuleRequest, inputs)


def removal_request(inputs: Mapping[str, Any]) -> RemovalRequest:
    """Of the inputs of a step that removes a module."""
    return _read(RemovalRequest, inputs)


def as_variables(turn: ModuleTurn) -> dict[str, Any]:
    """A turn as the playbook's host variable has it."""
    return {
        **as_inputs(turn.request),
        "action": str(turn.action),
        "step": turn.step,
        "digest": turn.digest,
        "parts": dict(turn.parts),
        "needs": list(turn.needs),
    }


def turn_of(variables: Mapping[str, Any]) -> ModuleTurn:
    """The turn that a host variable holds.

    Raises:
        StepError: it is none.
    """
    removes = variables.get("action") == Action.REMOVE
    request = removal_request(variables) if removes else module_request(variables)
    return _read(ModuleTurn, {"parts": {}, "needs": (), **variables, "request": request})


@cache
def _form(kind: Any) -> TypeAdapter[Any]:
    """Made on first use: it costs some milliseconds, and most commands need none."""
    return TypeAdapter(kind)


def _read(kind: type[Read], data: Mapping[str, Any]) -> Read:
    form: Any = kind
    try:
        read: Read = _form(form).validate_python(data)
    except ValidationError as exc:
        first = exc.errors(include_url=False, include_input=False)[0]
        raise StepError(
            "a module's request cannot be read",
            where=f"module/{data.get('name', '')}",
            why=f"{'.'.join(map(str, first['loc']))}: {first['msg']}",
            hint="modules.yml is run by slipway, from a plan of the same release",
        ) from exc
    return read
