"""Waiting for a lock that somebody else holds: until it is free, or its holder is seen to live."""

import time
from collections.abc import Callable

from slipway.errors import HeldError


def repeat_while_refused(
    attempt: Callable[[], None], *, patience: float, seconds: float, waiting: Callable[[HeldError], None]
) -> bool:
    """Repeat an attempt while it is refused; whether it had to be repeated.

    A holder may be dead until its lock has stood still for its life (`seconds`): then the attempt succeeds. One that
    renews it lives, and is refused once `patience` seconds are over. `waiting` is called before each pause, and ends
    the waiting by raising.

    Raises:
        HeldError: its holder lives.
    """
    enough = time.monotonic() + patience
    signs: dict[str, str] = {}
    while True:
        try:
            attempt()
        except HeldError as error:
            lives = signs.get(error.where, error.sign) != error.sign
            if lives and time.monotonic() > enough:
                raise
            signs[error.where] = error.sign
            waiting(error)
            time.sleep(min(1.0, seconds / 10))
        else:
            return bool(signs)
