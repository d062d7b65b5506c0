"""CEL rules of the ClusterConfiguration: what the API server itself refuses, in our words.

Each rule mirrors a check of `semantics`; tests/contract/api/cases.yaml holds both to the same cases. Left to
the operator is what CEL's cost budget forbids (addresses unique among 1000 hosts) or a schema cannot know (module
names).
"""

from typing import Any

from slipway.api import celaddresses
from slipway.model.fields import DNS_LABEL, LABEL_KEY

Rule = dict[str, str]


def rule(expression: str, message: str, field: str = "") -> Rule:
    """One entry of x-kubernetes-validations; `field` is a path below the place of the rule."""
    found = {"rule": expression, "message": message}
    return found | ({"fieldPath": field} if field else {})


def immutable(path: str) -> Rule:
    """For a field that always has a value."""
    return rule("self == oldSelf", f"{path} {_FIXED}")


def immutable_optional(path: str, field: str) -> Rule:
    """For a field that may be absent, stated at its parent: setting and unsetting it are changes as well."""
    new, old = f"self.{field}", f"oldSelf.{field}"
    same = f"has({new}) == has({old}) && (!has({new}) || {new} == {old})"
    return rule(same, f"{path} {_FIXED}", f".{field}")


_FIXED = "cannot change on a live cluster: put the old value back, or make a new cluster with `slipway reset`"

_NAMES = f"self.all(name, name.matches('{DNS_LABEL}'))"
_KEYS = rule(_NAMES, "a name has lower case letters, digits and -, and is at most 63 long")

_DISK_NAMES = rule(
    "self.all(name, name.matches('^[a-z0-9]([a-z0-9-]{0,22}[a-z0-9])?$'))",
    "a disk's name has lower case letters, digits and -, and is at most 24 long",
)

#: CEL reads a backslash itself.
_DOTTED = LABEL_KEY.replace("\\.", "[.]")
_LABEL_KEYS = rule(
    f"self.all(key, key.size() <= 317 && key.matches('{_DOTTED}'))",
    "a label's key has letters, digits and - . _, with or without a domain and a slash before it",
)

#: Where HostSettings stands in the spec.
_SETTINGS = ("spec.hosts.defaults", "spec.hosts.groups.NAME", "spec.hosts.items.settings")
_RUNTIME = rule(
    "!has(self.dataRoot) || !has(self.removeOldDataRoot) || self.dataRoot != self.removeOldDataRoot",
    "removeOldDataRoot is the data root itself: it names one that was moved away from",
    ".removeOldDataRoot",
)

_FIRST_ADDRESS = rule(
    "cidr(self.cidr) == cidr(self.cidr).masked()", "a range begins with its first address", ".cidr"
)
_NETWORKS = ("management", "business", "storage")


def _apart(one: str, other: str) -> Rule:
    """Two networks of the site."""
    first, second = f"self.{one}.cidr", f"self.{other}.cidr"
    clash = f"cidr({first}).containsCIDR({second}) || cidr({second}).containsCIDR({first})"
    expression = f"!has(self.{one}) || !has(self.{other}) || !({clash})"
    return rule(expression, f"{other} overlaps {one}: by its address a packet finds its network", f".{other}")


def _off_the_cluster(name: str) -> Rule:
    """A network, and the ranges of pods and Services."""
    cidr = f"self.hosts.networks.{name}.cidr"
    clash = " || ".join(
        f"cidr({a}).containsCIDR({b})"
        for own in ("self.kubernetes.network.podCIDR", "self.kubernetes.network.serviceCIDR")
        for a, b in ((own, cidr), (cidr, own))
    )
    given = f"has(self.hosts) && has(self.kubernetes) && has(self.hosts.networks) && has(self.hosts.networks.{name})"
    text = f"{name} overlaps serviceCIDR or podCIDR: by its address a packet finds its network"
    return rule(f"!({given}) || !({clash})", text, ".hosts.networks")


def _within(name: str, address: str) -> Rule:
    """Hosts' addresses on a network."""
    given = f"has(self.networks) && has(self.networks.{name})"
    inside = f"cidr(self.networks.{name}.cidr).containsIP(item.{address})"
    if address != "address":
        inside = f"!has(item.addresses) || !has(item.{address}) || {inside}"
    text = f"a host's {address} is outside the network {name}"
    return rule(f"!({given}) || self.items.all(item, {inside})", text, ".items")


def _declared(name: str) -> Rule:
    given = f"has(self.networks) && has(self.networks.{name})"
    none = f"self.items.all(item, !has(item.addresses) || !has(item.addresses.{name}))"
    return rule(f"{given} || {none}", f"a host has an address on {name}, which is not in networks", ".items")


def _linked(name: str) -> Rule:
    given = f"has(self.addresses) && has(self.addresses.{name})"
    text = f"links.{name} without addresses.{name}"
    return rule(f"!has(self.links) || !has(self.links.{name}) || ({given})", text, ".links")


_BUSINESS = "has({0}.addresses) && has({0}.addresses.business)"
_NEW, _OLD = _BUSINESS.format("self"), _BUSINESS.format("oldSelf")

#: Path of an object of the spec -> its rules.
RULES: dict[str, list[Rule]] = {
    "spec": [
        rule(
            "!has(self.hosts) || has(self.kubernetes)", "kubernetes and hosts: both or neither", ".kubernetes"
        ),
        rule("!has(self.kubernetes) || has(self.hosts)", "kubernetes and hosts: both or neither", ".hosts"),
        rule(
            "!has(oldSelf.kubernetes) || has(self.kubernetes)",
            "the configuration of a live cluster keeps kubernetes and hosts: `slipway reset` ends a cluster",
            ".kubernetes",
        ),
        rule(
            "!has(self.registry.host) || "
            "(has(self.hosts) && self.hosts.items.exists(item, item.name == self.registry.host))",
            "there is no host of that name in spec.hosts.items",
            ".registry.host",
        ),
        rule(
            "!has(self.registry.replica) || "
            "(has(self.hosts) && self.hosts.items.exists(item, item.name == self.registry.replica))",
            "there is no host of that name in spec.hosts.items",
            ".registry.replica",
        ),
        rule(
            "!has(self.registry.replica) || has(self.registry.host) || !has(self.hosts) || "
            "self.hosts.items.filter(item, 'control-plane' in item.roles).size() == 0 || "
            "self.hosts.items.filter(item, 'control-plane' in item.roles)[0].name != self.registry.replica",
            "the first control plane has the registry itself: the replica is on another host",
            ".registry.replica",
        ),
        *celaddresses.address_rules(),
        celaddresses.room_rule(),
        rule(
            "!has(self.hosts) || !has(self.kubernetes) || self.kubernetes.endpoint.loadBalancer != 'keepalived' || "
            "!has(self.kubernetes.endpoint.vip) || "
            "!self.hosts.items.exists(item, item.address == self.kubernetes.endpoint.vip)",
            "vip is the address of a host: with keepalived it is one that no host has",
            ".kubernetes.endpoint.vip",
        ),
        *map(_off_the_cluster, _NETWORKS),
    ],
    "spec.kubernetes.endpoint": [
        rule(
            "self.loadBalancer == 'none' || has(self.vip)",
            "loadBalancer external or keepalived needs vip",
            ".vip",
        ),
        rule("self.loadBalancer != 'none' || !has(self.vip)", "loadBalancer none has no vip", ".vip"),
    ],
    "spec.kubernetes": [celaddresses.sharing_rule()],
    "spec.kubernetes.kubelet.imageGC": [rule("self.low < self.high", "low must be less than high", ".low")],
    "spec.kubernetes.network": [
        rule(
            "cidr(self.serviceCIDR) == cidr(self.serviceCIDR).masked()",
            "a range begins with its first address",
            ".serviceCIDR",
        ),
        rule(
            "cidr(self.podCIDR) == cidr(self.podCIDR).masked()",
            "a range begins with its first address",
            ".podCIDR",
        ),
        *celaddresses.NETWORK,
        rule(
            "!cidr(self.serviceCIDR).containsCIDR(self.podCIDR) && "
            "!cidr(self.podCIDR).containsCIDR(self.serviceCIDR)",
            "podCIDR overlaps serviceCIDR",
            ".podCIDR",
        ),
        rule(
            "!has(self.dnsAddress) || cidr(self.serviceCIDR).containsIP(self.dnsAddress)",
            "dnsAddress is outside serviceCIDR",
            ".dnsAddress",
        ),
        rule(
            "int(self.nodePorts.split('-')[0]) > 0 && int(self.nodePorts.split('-')[1]) <= 65535 && "
            "int(self.nodePorts.split('-')[0]) <= int(self.nodePorts.split('-')[1])",
            "nodePorts is FIRST-LAST with 1 <= FIRST <= LAST <= 65535",
            ".nodePorts",
        ),
    ],
    "spec.hosts": [
        rule(
            "self.items.exists(item, 'control-plane' in item.roles)",
            "no host has the role control-plane",
            ".items",
        ),
        rule(
            "self.items.filter(item, 'control-plane' in item.roles).size() % 2 == 1 || "
            "!self.items.exists(item, 'control-plane' in item.roles)",
            "an even number of hosts has the role control-plane: "
            "etcd survives no more failures than with one less",
            ".items",
        ),
        rule(
            "self.items.all(item, !has(item.groups) || "
            "item.groups.all(name, has(self.groups) && name in self.groups))",
            "a host names a group that is not in spec.hosts.groups",
            ".items",
        ),
        _within("management", "address"),
        _within("business", "addresses.business"),
        _within("storage", "addresses.storage"),
        _declared("business"),
        _declared("storage"),
        rule(
            "!has(self.networks) || !has(self.networks.business) || "
            "self.items.all(item, has(item.addresses) && has(item.addresses.business))",
            "a host has no addresses.business, and nodes reach each other there",
            ".items",
        ),
    ],
    "spec.hosts.networks": [
        _apart("management", "business"),
        _apart("management", "storage"),
        _apart("business", "storage"),
    ],
    **{f"spec.hosts.networks.{name}": [_FIRST_ADDRESS] for name in _NETWORKS},
    "spec.hosts.items": [
        *celaddresses.NAMES,
        # At the item: a rule at addresses would not see that it comes or goes as a whole.
        rule(
            f"({_NEW}) == ({_OLD}) && (!({_NEW}) || self.addresses.business == oldSelf.addresses.business)",
            f"spec.hosts.items.addresses.business {_FIXED}",
            ".addresses",
        ),
        _linked("business"),
        _linked("storage"),
    ],
    "spec.hosts.groups": [_KEYS],
    "spec.hosts.defaults.mounts": [_KEYS],
    "spec.hosts.groups.NAME.mounts": [_KEYS],
    "spec.hosts.items.settings.mounts": [_KEYS],
    "spec.hosts.defaults.disks": [_DISK_NAMES],
    "spec.hosts.groups.NAME.disks": [_DISK_NAMES],
    "spec.hosts.items.settings.disks": [_DISK_NAMES],
    **{f"{place}.labels": [_LABEL_KEYS] for place in _SETTINGS},
    **{f"{place}.runtime": [_RUNTIME] for place in _SETTINGS},
    "spec.modules": [_KEYS],
    "spec.moduleSources": [_KEYS],
    "spec.moduleSources.NAME": [
        rule("has(self.directory) != has(self.digest)", "a source has a directory or a digest")
    ],
    "spec.registry": [
        rule("self.mode != 'external' || has(self.endpoint)", "mode external needs an endpoint", ".endpoint"),
        rule(
            "self.mode == 'external' || !has(self.endpoint)",
            "only mode external has an endpoint",
            ".endpoint",
        ),
        rule("self.mode == 'external' || !has(self.project)", "only mode external has a project", ".project"),
        rule("self.mode != 'external' || !has(self.replica)", "mode external has no replica", ".replica"),
        rule(
            "!has(self.replica) || !has(self.host) || self.replica != self.host",
            "that host has the registry itself: the replica is on another host",
            ".replica",
        ),
        rule(
            "self.mode == 'external' || self.port != self.pushPort",
            "pushPort must differ from port",
            ".pushPort",
        ),
    ],
}


def attach(schema: dict[str, Any], rules: list[Rule]) -> None:
    """Add rules to a schema node."""
    if rules:
        schema["x-kubernetes-validations"] = [*schema.get("x-kubernetes-validations", []), *rules]
