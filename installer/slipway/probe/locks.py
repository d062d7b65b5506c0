"""Who may change a host: `lock.json`, taken, kept and given back in one round trip per host, on the host's clock.

`lock.sh` says by which clock. Nobody else's is compared with it.

The epoch rises with every taking and never falls, also not when a lock is given back: a step of an older epoch
is refused by the host itself, however late it arrives.
"""

import re
from collections.abc import Iterable, Mapping
from contextlib import suppress
from pathlib import Path
from types import MappingProxyType
from typing import Final

from slipway.errors import ConflictError, HeldError, StepError
from slipway.holders import name_of
from slipway.model.codes import AWAY
from slipway.probe.access import HostError
from slipway.probe.fleet import Fleet
from slipway.probe.ssh import SSHSession
from slipway.settings import LOCK_SECONDS

_NUMBER: Final = re.compile(r"[0-9]{1,18}")
_HOLDER: Final = re.compile(r"[A-Za-z0-9@._:/+-]{1,200}")

#: Seconds that one host's lock may take: less than a lock's life, so that a host that hangs costs no other its lock.
_SECONDS: Final = LOCK_SECONDS / 4

#: Epochs by host. What a host says of its own counts on that host alone: it may say anything.
Epochs = Mapping[str, int]
NONE_OF_THEIR_OWN: Final[Epochs] = MappingProxyType({})

_SCRIPT: Final = Path(__file__).with_name("lock.sh").read_text(encoding="utf-8")


def last_epochs(fleet: Fleet) -> dict[str, int]:
    """The epochs of these hosts' locks, 0 where none was ever taken.

    Raises:
        HostError: a host does not answer.
        ConflictError: or not with a number.
    """
    answers, errors = fleet.each(lambda session: _ask(session, "read", "nobody", 0, 0))
    for error in errors.values():
        raise error
    for name, answer in answers.items():
        if len(answer) != 1 or not _NUMBER.fullmatch(answer[0]):
            raise _conflict(name, answer)
    return {name: int(epoch) for name, [epoch] in answers.items()}


def epoch_on(host: str, epoch: int, own: Epochs) -> int:
    """The epoch of an operation on one host."""
    return max(epoch, own.get(host, 0))


def acquire(
    fleet: Fleet,
    holder: str,
    epoch: int,
    *,
    hosts: Iterable[str] | None = None,
    own: Epochs = NONE_OF_THEIR_OWN,
    seconds: int = LOCK_SECONDS,
    instead_of: str = "",
) -> dict[str, HostError]:
    """Lock all hosts that answer, or none; ConflictError names the holder. Returns hosts that did not answer.

    `epoch`: the operation's; `own`: those of hosts that have to have a higher one, whose locks were at it already.
    `instead_of` is a holder known to be dead: its place is taken.

    The first host that answers is asked alone: of two that start at once, one then stops there and leaves the
    others' locks in peace.
    """
    names = [name for name in fleet.sessions if hosts is None or name in set(hosts)]
    rest, silent, alone = names, dict[str, HostError](), True
    try:
        while rest:
            group, rest = (rest[:1], rest[1:]) if alone else (rest, [])
            answers, errors = fleet.each(
                lambda s: _ask(s, "acquire", holder, epoch_on(s.name, epoch, own), seconds, instead_of), group
            )
            away = {name: error for name, error in errors.items() if error.code in AWAY}
            _demand(answers, {name: error for name, error in errors.items() if name not in away})
            silent |= away
            alone = alone and not answers
    except BaseException:
        release(fleet, holder, epoch, hosts=names, own=own)
        raise
    return silent


def renew(
    fleet: Fleet,
    holder: str,
    epoch: int,
    *,
    hosts: Iterable[str] | None = None,
    own: Epochs = NONE_OF_THEIR_OWN,
    seconds: int = LOCK_SECONDS,
) -> dict[str, HostError]:
    """Keep the locks for some more seconds; ConflictError when one was lost. Returns hosts that did not answer."""
    answers, errors = fleet.each(
        lambda s: _ask(s, "renew", holder, epoch_on(s.name, epoch, own), seconds), hosts
    )
    _demand(answers, {})
    return errors


def release(
    fleet: Fleet,
    holder: str,
    epoch: int,
    *,
    hosts: Iterable[str] | None = None,
    own: Epochs = NONE_OF_THEIR_OWN,
) -> None:
    """Give back what is still ours; a host that does not answer frees itself when the lock expires."""

    def give(session: SSHSession) -> None:
        with suppress(StepError):
            _ask(session, "release", holder, epoch_on(session.name, epoch, own), 0)

    fleet.each(give, hosts)


def _ask(
    session: SSHSession, action: str, holder: str, epoch: int, seconds: int, dead: str = ""
) -> list[str]:
    for name in filter(None, (holder, dead)):
        if not _HOLDER.fullmatch(name):
            raise ValueError(f"{name!r} cannot be a holder's name")
    request = f"{action} {holder} {epoch} {seconds} {dead}\n".encode()
    code, out, err = session.run(_SCRIPT, stdin=request, timeout=_SECONDS)
    if code:
        why = err.decode(errors="replace").strip()
        raise StepError(
            f"the host's lock cannot be changed ({action})", where=f"host/{session.name}", why=why
        )
    return out.decode(errors="replace").split()


def _demand(answers: dict[str, list[str]], errors: dict[str, HostError]) -> None:
    """Raise for the first host that refused, else for the first that could not be reached."""
    for name, answer in answers.items():
        if answer != ["ok"]:
            raise _conflict(name, answer)
    for error in errors.values():
        raise error


def _conflict(host: str, answer: list[str]) -> ConflictError:
    where = f"host/{host}"
    match answer:
        case ["held", holder, left, until]:
            return HeldError(
                f"{name_of(holder)} is changing this host",
                holder=holder,
                sign=f"{holder} {until}",
                where=where,
                why=f"its lock is valid for {left} s from now, unless it is renewed",
                hint="wait until it is done; if that process was killed, until its lock expires",
            )
        case ["newer", epoch]:
            why = f"its lock has epoch {epoch}"
            return ConflictError(
                "the host was changed since it was read", where=where, why=why, hint="plan again"
            )
        case ["lost", *holder]:
            why = f"{name_of(' '.join(holder)) or 'nobody'} holds it now"
            return ConflictError("the host's lock was lost", where=where, why=why, hint="run apply again")
    return ConflictError("the host's lock gave no answer", where=where, why=" ".join(answer))
