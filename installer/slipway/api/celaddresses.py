"""The rules of `addresses` and `ranges` as CEL: for every field that names addresses, found by its type.

Left to the operator is what CEL's budget forbids: fields of 1000 hosts' and 64 groups' settings, and texts in which an
address has to be looked for, as URLs.
"""

from typing import Final

from slipway.api.addresses import AddressField, places
from slipway.api.ranges import LARGEST_SERVICES, NODE_BITS, SMALLEST_SERVICES
from slipway.model.fields import IPV4, MACHINE4, SERVER, Lies
from slipway.model.host.items import RESERVED_NAMES
from slipway.model.kubernetes import NODE_PREFIX

Rule = dict[str, str]

#: What the text of a field looks like -> whether it is an address, and the address. A name is none.
_FORMS: Final = {
    MACHINE4: ("true", "{0}"),
    IPV4: ("true", "{0}"),
    SERVER: ("isIP({0})", "{0}"),
}
_LAYERS: Final = (("hosts", "groups"), ("hosts", "items", "[]", "settings"))
_NETWORK: Final = "self.kubernetes.network"


def address_rules() -> list[Rule]:
    """Rules of `spec`: no machine lies in the ranges of pods and Services."""
    mine = (place for place in places() if place.lies is not Lies.SERVICE and place.pattern in _FORMS)
    return [_outside(place) for place in mine if not _in_layers(place)]


def _in_layers(place: AddressField) -> bool:
    return any(place.path[: len(layer)] == layer for layer in _LAYERS)


def _outside(place: AddressField) -> Rule:
    guard, address = _FORMS[place.pattern]
    inside = " || ".join(
        f"cidr({_NETWORK}.{name}).containsIP({address})" for name in ("serviceCIDR", "podCIDR")
    )
    expression = _every("self", place.path, f"({guard}) && ({inside})")
    told = place.path[: place.path.index("[]")] if "[]" in place.path else place.path
    message = (
        f"an address of spec.{'.'.join(place.path).replace('.[]', '[]')} lies in serviceCIDR or podCIDR: "
        "machines are outside the ranges of Services and pods"
    )
    found = {"rule": f"!has(self.kubernetes) || ({expression})", "message": message}
    return found | {"fieldPath": "".join(f".{name}" for name in told)}


def _every(start: str, path: tuple[str, ...], bad: str) -> str:
    """That nothing at the path is bad; `{0}` in it stands for the value. What is absent is good."""
    if not path:
        return f"!({bad.format(start)})"
    if path[0] == "[]":
        return f"{start}.all(one, {_every('one', path[1:], bad)})"
    here = f"{start}.{path[0]}"
    return f"!has({here}) || ({_every(here, path[1:], bad)})"


def _flag(owner: str, name: str, default: str) -> str:
    """A prefix that the controller manager is told by a flag."""
    flags = f"{owner}.controllerManager.extraArgs"
    value = f"{flags}['{name}']"
    given = f"has({owner}.controllerManager) && has({flags}) && '{name}' in {flags}"
    return f"({given} && {value}.matches('^[1-9][0-9]?$') ? int({value}) : {default})"


def _prefixes(owner: str) -> tuple[str, str, str]:
    """Lengths of prefixes: of the pod range, of each node's part, and of that as kubeadm knows it."""
    kubeadms = _flag(owner, "node-cidr-mask-size-ipv4", str(NODE_PREFIX))
    return (
        f"cidr({owner}.network.podCIDR).prefixLength()",
        _flag(owner, "node-cidr-mask-size", kubeadms),
        kubeadms,
    )


def sharing_rule() -> Rule:
    """Rule of spec.kubernetes: nodes can share the pod range out among them."""
    pods, nodes, kubeadms = _prefixes("self")
    # A list of one is how CEL gives a value a name.
    fits = f"[{kubeadms}].all(known, {pods} <= known && {pods} >= known - {NODE_BITS}) && {pods} <= {nodes}"
    return {
        "rule": fits,
        "message": "podCIDR cannot be shared out among nodes: each takes a /24, or what the controller manager is told",
        "fieldPath": ".network.podCIDR",
    }


def room_rule() -> Rule:
    """Rule of `spec`: all hosts' parts fit in the pod range."""
    pods, nodes, _ = _prefixes("self.kubernetes")
    sizes = ", ".join(str(1 << bits) for bits in range(NODE_BITS + 1))
    fits = f"bits < 0 || bits > {NODE_BITS} || self.hosts.items.size() <= [{sizes}][bits]"
    return {
        "rule": f"!has(self.kubernetes) || !has(self.hosts) || [{nodes} - {pods}].all(bits, {fits})",
        "message": "podCIDR has no room for so many hosts: each node takes a range of its own",
        "fieldPath": ".kubernetes.network.podCIDR",
    }


#: Rules of spec.kubernetes.network.
NETWORK: Final[list[Rule]] = [
    {
        "rule": f"cidr(self.serviceCIDR).prefixLength() <= {SMALLEST_SERVICES}",
        "message": f"serviceCIDR must be a /{SMALLEST_SERVICES} or larger",
        "fieldPath": ".serviceCIDR",
    },
    {
        "rule": f"cidr(self.serviceCIDR).prefixLength() >= {LARGEST_SERVICES}",
        "message": f"serviceCIDR must be a /{LARGEST_SERVICES} or smaller",
        "fieldPath": ".serviceCIDR",
    },
    {
        "rule": "!has(self.dnsAddress) || !self.serviceCIDR.startsWith(self.dnsAddress + '/')",
        "message": "dnsAddress is the first address of serviceCIDR",
        "fieldPath": ".dnsAddress",
    },
    *(
        {
            "rule": f"!self.{name}.matches('^(0|127|22[4-9]|2[3-5][0-9])[.]')",
            "message": f"{name} has addresses of nobody",
            "fieldPath": f".{name}",
        }
        for name in ("podCIDR", "serviceCIDR")
    ),
]

#: Rules of one entry of spec.hosts.items.
NAMES: Final[list[Rule]] = [
    {
        "rule": f"!(self.name in {sorted(RESERVED_NAMES)})",
        "message": "a host has a name that Ansible has for itself",
        "fieldPath": ".name",
    },
    {
        "rule": "!self.name.matches('(^|[.])[0-9]+$')",
        "message": "a host's name ends with a number: resolvers take it for an address",
        "fieldPath": ".name",
    },
]
