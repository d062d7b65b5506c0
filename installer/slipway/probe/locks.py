"""Who may change a host: `lock.json`, taken, kept and given back in one round trip per host, on the host's clock.

The epoch rises with every taking and never falls, also not when a lock is given back: a step of an older epoch
is refused by the host itself, however late it arrives.
"""

import re
from collections.abc import Iterable
from contextlib import suppress
from datetime import UTC, datetime
from typing import Final

from slipway.errors import ConflictError, HeldError, StepError
from slipway.model.observed import AWAY
from slipway.probe.access import HostError
from slipway.probe.fleet import Fleet
from slipway.probe.ssh import Session
from slipway.settings import HOST_STATE_DIR, LOCK_SECONDS

_HOLDER: Final = re.compile(r"[A-Za-z0-9@._:/+-]{1,200}")

#: stdin: action, holder, epoch, seconds, a holder that is dead. Says `ok`, `held HOLDER EXPIRES NOW`,
#: `newer EPOCH` or `lost HOLDER`; to `read`, the epoch.
_SCRIPT: Final = f"""
read -r action holder epoch seconds dead
umask 077
dir={HOST_STATE_DIR}
mkdir -p "$dir" && chmod 0700 "$dir" || exit 1
exec 9>"$dir/.flock"
flock -w 10 9 || exit 1
value() {{ sed -n "s/.*\\"$1\\": *\\"\\{{0,1\\}}\\([^\\",}}]*\\).*/\\1/p" "$dir/lock.json" 2>/dev/null; }}
now=$(date +%s)
old_holder=$(value holder) old_epoch=$(value epoch) old_expires=$(value expires)
old_expires=${{old_expires%%.*}}
: "${{old_epoch:=0}}" "${{old_expires:=0}}"
case $action in
read)
    echo "$old_epoch"; exit 0 ;;
acquire)
    if [ "$old_expires" -gt "$now" ] && [ "$old_holder" != "$holder" ] && [ "$old_holder" != "$dead" ]; then
        echo "held $old_holder $old_expires $now"; exit 0
    fi
    if [ "$old_epoch" -gt "$epoch" ] || {{ [ "$old_epoch" = "$epoch" ] && [ "$old_holder" != "$holder" ]; }}; then
        echo "newer $old_epoch"; exit 0
    fi ;;
*)
    if [ "$old_holder" != "$holder" ] || [ "$old_epoch" -ne "$epoch" ]; then
        echo "lost $old_holder"; exit 0
    fi ;;
esac
expires=$((now + seconds))
[ "$action" != release ] || expires=0
printf '{{"format": 1, "holder": "%s", "epoch": %s, "expires": %s}}\\n' "$holder" "$epoch" "$expires" \\
    >"$dir/.lock.json.new" && mv -T "$dir/.lock.json.new" "$dir/lock.json" && echo ok
"""


def last_epoch(fleet: Fleet) -> int:
    """The highest epoch of these hosts' locks, 0 where none was ever taken.

    Raises:
        HostError: a host does not answer.
    """
    answers, errors = fleet.each(lambda session: _ask(session, "read", "nobody", 0, 0))
    for error in errors.values():
        raise error
    return max((int(epoch) for [epoch] in answers.values()), default=0)


def acquire(
    fleet: Fleet,
    holder: str,
    epoch: int,
    *,
    hosts: Iterable[str] | None = None,
    seconds: int = LOCK_SECONDS,
    instead_of: str = "",
) -> dict[str, HostError]:
    """Lock all hosts that answer, or none; ConflictError names the holder. Returns hosts that did not answer.

    `epoch`: the highest one seen, plus one. `instead_of` is a holder known to be dead: its place is taken.

    The first host that answers is asked alone: of two that start at once, one then stops there and leaves the
    others' locks in peace.
    """
    names = [name for name in fleet.sessions if hosts is None or name in set(hosts)]
    rest, silent, alone = names, dict[str, HostError](), True
    try:
        while rest:
            group, rest = (rest[:1], rest[1:]) if alone else (rest, [])
            answers, errors = fleet.each(
                lambda s: _ask(s, "acquire", holder, epoch, seconds, instead_of), group
            )
            away = {name: error for name, error in errors.items() if error.code in AWAY}
            _demand(answers, {name: error for name, error in errors.items() if name not in away})
            silent |= away
            alone = alone and not answers
    except BaseException:
        release(fleet, holder, epoch, hosts=names)
        raise
    return silent


def renew(
    fleet: Fleet, holder: str, epoch: int, *, hosts: Iterable[str] | None = None, seconds: int = LOCK_SECONDS
) -> dict[str, HostError]:
    """Keep the locks for some more seconds; ConflictError when one was lost. Returns hosts that did not answer."""
    answers, errors = fleet.each(lambda s: _ask(s, "renew", holder, epoch, seconds), hosts)
    _demand(answers, {})
    return errors


def release(fleet: Fleet, holder: str, epoch: int, *, hosts: Iterable[str] | None = None) -> None:
    """Give back what is still ours; a host that does not answer frees itself when the lock expires."""

    def give(session: Session) -> None:
        with suppress(StepError):
            _ask(session, "release", holder, epoch, 0)

    fleet.each(give, hosts)


def _ask(session: Session, action: str, holder: str, epoch: int, seconds: int, dead: str = "") -> list[str]:
    for name in filter(None, (holder, dead)):
        if not _HOLDER.fullmatch(name):
            raise ValueError(f"{name!r} cannot be a holder's name")
    code, out, err = session.run(_SCRIPT, stdin=f"{action} {holder} {epoch} {seconds} {dead}\n".encode())
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
        case ["held", holder, expires, now]:
            until = datetime.fromtimestamp(int(expires), UTC).isoformat(timespec="seconds")
            return HeldError(
                f"{holder} is changing this host",
                holder=holder,
                where=where,
                why=f"its lock is valid until {until}, {int(expires) - int(now)} s from now",
                hint="wait until it is done; if that process was killed, until its lock expires",
            )
        case ["newer", epoch]:
            why = f"its lock has epoch {epoch}"
            return ConflictError(
                "the host was changed since it was read", where=where, why=why, hint="plan again"
            )
        case ["lost", *holder]:
            why = f"{' '.join(holder) or 'nobody'} holds it now"
            return ConflictError("the host's lock was lost", where=where, why=why, hint="run apply again")
    return ConflictError("the host's lock gave no answer", where=where, why=" ".join(answer))
