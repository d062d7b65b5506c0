"""Who begins the operations of this process."""

import getpass
import socket

from slipway.engine.context import Context
from slipway.holders import name_of
from slipway.model.operation import Origin, StartedBy


def started_by(context: Context) -> StartedBy:
    """A command line has a file and somebody who typed it; an operator has neither."""
    if context.document is None:
        return StartedBy(Origin.OPERATOR, name_of(context.holder), context.holder)
    return StartedBy(Origin.COMMAND_LINE, f"{_user()}@{socket.gethostname()}", context.holder)


def _user() -> str:
    try:
        return getpass.getuser()
    except (KeyError, OSError):  # a number without a name
        return "somebody"
