"""Ways to damage what a role made on a host, a kind of thing at a time, and what a look then finds."""

import shlex
from collections.abc import Iterable

from slipway.model.record import Made, MadeKind

#: A way to damage a thing of some kind: the script, and what is to be found then. {0}: its name, {1}: one beside it
#: that starts with a dot, as a kubelet reads all others.
Ways = dict[MadeKind, tuple[str, str]]
FILES = (MadeKind.FILE, MadeKind.SECRET)
#: As an editor does it; a program that runs cannot be written to.
EDIT = "cp -p {0} {1}; echo '# by hand' >> {1}; mv {1} {0}"
#: Somebody's options in the one are kept, so a comment would be; the other has to stay JSON, or it is left alone.
EDITS = {
    "/etc/resolv.conf": "sed -i 's/^nameserver.*/nameserver 192.0.2.1/' {0}",
    "/var/lib/kubelet/config.json": "echo '{{}}' > {0}",
}
LINK = "mv {0} {1}; ln -s {1} {0}"
DELETED: Ways = {
    **dict.fromkeys((*FILES, MadeKind.KEYS), ("rm {0}", "missing")),
    MadeKind.BLOCK: ("sed -i '/^# BEGIN slipway/,/^# END slipway/d' {0}", "the block of Slipway is gone"),
    MadeKind.DIRECTORY: ("rm -r {0}", "missing"),
    MadeKind.PLACE: ("rmdir --ignore-fail-on-non-empty {0}", "missing"),
    MadeKind.UNIT: ("systemctl --quiet disable {0}", ""),
    MadeKind.RULES: ("nft delete table inet slipway", "missing"),
    MadeKind.PACKAGE: ("dpkg --remove --force-depends {0} >/dev/null", "missing"),
    MadeKind.USER: ("userdel --force {0}", "missing"),
}
CHANGED: Ways = {
    **dict.fromkeys(FILES, (EDIT, "changed")),
    MadeKind.KEYS: ("echo '{{\"debug\": true}}' > {0}", "is gone"),
    MadeKind.BLOCK: (
        "sed -i 's/^# END slipway/10.7.7.7 by-hand\\n&/' {0}",
        "the block of Slipway was changed",
    ),
    MadeKind.SWAP: ("echo '/nowhere none swap sw 0 0' >> {0}", "a line of swap is in force again"),
    MadeKind.DIRECTORY: ("chown 3 {0}", "its owner is 3:"),
    MadeKind.UNIT: ("systemctl stop {0}", ""),
    MadeKind.PARAMETER: ("sysctl --quiet --write {0}=0", "0 instead of "),
}
CHMODDED: Ways = {
    **dict.fromkeys(
        (*FILES, MadeKind.KEYS, MadeKind.BLOCK), ("chmod 0604 {0}", "its mode is 0604 instead of ")
    ),
    **dict.fromkeys((MadeKind.DIRECTORY, MadeKind.PLACE), ("chmod 0751 {0}", "its mode is 0751 instead of ")),
}
LINKED: Ways = {
    **dict.fromkeys((*FILES, MadeKind.KEYS, MadeKind.BLOCK), (LINK, "{1} instead of a file")),
    MadeKind.DIRECTORY: (LINK, "{1} instead of a directory"),
}
#: Units before their files.
ORDER = (MadeKind.UNIT, MadeKind.RULES, MadeKind.PACKAGE, MadeKind.USER)


def script(things: Iterable[Made], ways: Ways) -> str:
    """Shell lines that damage all of these things, those inside others first."""
    order = {kind: number for number, kind in enumerate(ORDER)}
    deep = sorted(things, key=lambda one: one.name, reverse=True)
    lines = []
    for one in sorted(deep, key=lambda one: order.get(one.kind, len(ORDER))):
        way = ways[one.kind][0]
        way = EDITS.get(one.name, way) if way == EDIT else way
        lines.append(way.format(shlex.quote(one.name), shlex.quote(_beside(one))))
    return "\n".join(dict.fromkeys(lines))


def told(one: Made, ways: Ways) -> str:
    """Words of what is to be found then."""
    return ways[one.kind][1].format(one.name, _beside(one))


def _beside(one: Made) -> str:
    directory, _, name = one.name.rpartition("/")
    return f"{directory}/.{name}.moved"
