"""Every address that a spec names, wherever it stands, and the rules that all of them obey.

Fields are found by their type: whatever carries `Lies` takes part, today's and tomorrow's, in the command line's
reading here and in the API server's rules (`api.cel`).
"""

import re
from collections.abc import Iterable, Iterator, Mapping
from functools import cache
from ipaddress import AddressValueError, IPv4Address, IPv4Network
from types import NoneType
from typing import Annotated, Any, NamedTuple, get_args, get_origin

from pydantic import BaseModel
from pydantic.fields import FieldInfo

from slipway.api.yamlfile import step
from slipway.errors import Finding
from slipway.findings import FindingCode
from slipway.model.configuration import Spec
from slipway.model.fields import Lies
from slipway.model.host.networks import HostNetworks

#: Four numbers by themselves: an address, or what was meant as one.
_QUAD = re.compile(r"(?<![\w.-])\d+(?:\.\d+){3}(?![\w.-])")
#: Before the servers of a URL or of a mount's source; after them stands a path.
_SCHEME = re.compile(r"^(?:[a-z]+:)?//")
#: What no machine has among others: "this host", itself, groups, reserved and everybody (RFC 6890).
_NOBODY = tuple(map(IPv4Network, ("0.0.0.0/8", "127.0.0.0/8", "224.0.0.0/4", "240.0.0.0/4")))
_ITSELF = tuple(map(IPv4Network, ("0.0.0.0/32", "127.0.0.0/8")))
#: The longest prefix of a range whose first and last address belong to nobody (RFC 3021).
_POINT_TO_POINT = 31


class AddressField(NamedTuple):
    """A place of the schema that may name addresses; `[]` and `*` stand for entries of lists and maps."""

    path: tuple[str, ...]
    lies: Lies
    pattern: str


class NamedAddress(NamedTuple):
    """What a spec says at one place."""

    path: str
    text: str
    lies: Lies


def places(kind: type[BaseModel] = Spec) -> tuple[AddressField, ...]:
    """All places of the schema below a model."""
    return tuple(_below(kind, ()))


def named(spec: Spec) -> Iterator[NamedAddress]:
    """All places of a spec at which its user wrote something."""
    yield from _written(spec, Spec, "spec", ())


def written_in(text: str) -> list[str]:
    """What stands in a text as an address, or as something meant as one: of its servers, not of a path behind them."""
    return _QUAD.findall(_SCHEME.sub("", text).partition("/")[0])


def address_findings(spec: Spec) -> Iterator[Finding]:
    """Every address that is none, or lies where it cannot."""
    taken, networks = _cluster(spec), _site(spec)
    for place in named(spec):
        for text in written_in(place.text) if place.lies is not Lies.SERVICE else ():
            yield from _judged(place, text, taken, networks)


def _judged(
    place: NamedAddress, text: str, taken: Mapping[str, IPv4Network], networks: Mapping[str, IPv4Network]
) -> Iterator[Finding]:
    """At most one finding: the first rule that an address breaks."""
    try:
        address = IPv4Address(text)
    except AddressValueError:
        yield Finding(
            place.path,
            f"{text} is no address",
            expected="four numbers up to 255",
            code=FindingCode.NO_ADDRESS,
        )
        return
    itself = place.lies is Lies.NEAR and _within(address, _ITSELF)
    if _within(address, _NOBODY) and not itself:
        expected = "an address that one machine has"
        yield Finding(place.path, f"{text} is no machine's", expected=expected, code=FindingCode.NO_MACHINE)
    for name, found in taken.items():
        if address in found:
            yield Finding(
                place.path,
                f"{text} lies in {name} {found}",
                expected="machines outside the ranges of Services and pods",
                hint=f"choose another spec.kubernetes.network.{name}, or another address",
                code=FindingCode.OVERLAPPING_RANGES,
            )
            return
    for name, found in networks.items():
        ends = {found.network_address: "first", found.broadcast_address: "last"}
        if address in ends and found.prefixlen < _POINT_TO_POINT:
            problem = f"{text} is the {ends[address]} address of {name} {found}"
            expected = "an address between them: these two are the network's own"
            yield Finding(place.path, problem, expected=expected, code=FindingCode.NETWORK_ADDRESS)
            return


def _within(address: IPv4Address, ranges: Iterable[IPv4Network]) -> bool:
    return any(address in one for one in ranges)


def _cluster(spec: Spec) -> dict[str, IPv4Network]:
    """What belongs to Services and pods."""
    if spec.kubernetes is None:
        return {}
    network = spec.kubernetes.network
    found = {"serviceCIDR": network.service_cidr, "podCIDR": network.pod_cidr}
    return {name: IPv4Network(value, strict=False) for name, value in found.items()}


def _site(spec: Spec) -> dict[str, IPv4Network]:
    """Networks of hosts, as far as they are named."""
    if spec.hosts is None:
        return {}
    found = {name: getattr(spec.hosts.networks, name) for name in HostNetworks.model_fields}
    return {
        f"spec.hosts.networks.{name}": IPv4Network(one.cidr, strict=False)
        for name, one in found.items()
        if one
    }


def _below(annotation: Any, metadata: tuple[Any, ...], path: tuple[str, ...] = ()) -> Iterator[AddressField]:
    lies = next((one for one in metadata if isinstance(one, Lies)), None)
    origin, arguments = get_origin(annotation), get_args(annotation)
    if lies:
        yield AddressField(path, lies, _pattern(metadata))
    elif origin is Annotated:
        yield from _below(arguments[0], arguments[1:], path)
    elif origin in {tuple, list}:
        yield from _below(arguments[0], (), (*path, "[]"))
    elif origin is dict:
        yield from _below(arguments[1], (), (*path, "*"))
    elif arguments:
        for one in arguments:
            yield from _below(one, (), path)
    elif isinstance(annotation, type) and issubclass(annotation, BaseModel):
        for name, info in annotation.model_fields.items():
            yield from _below(info.annotation, tuple(info.metadata), (*path, info.alias or name))


def _pattern(metadata: Iterable[Any]) -> str:
    """What the text looks like; a type that was not a field's own carries it one level deeper."""
    for one in metadata:
        found = _pattern(one.metadata) if isinstance(one, FieldInfo) else getattr(one, "pattern", "")
        if found:
            return str(found)
    return ""


@cache
def _addressed(kind: type[BaseModel]) -> dict[str, tuple[str, Any, tuple[Any, ...]]]:
    """Its fields below which addresses may stand: most of a large file is passed over by this."""
    found = {
        name: (info.alias or name, info.annotation, tuple(info.metadata))
        for name, info in kind.model_fields.items()
    }
    return {name: one for name, one in found.items() if next(_below(one[1], one[2]), None)}


def _written(value: Any, annotation: Any, path: str, metadata: tuple[Any, ...]) -> Iterator[NamedAddress]:
    lies = next((one for one in metadata if isinstance(one, Lies)), None)
    if value is None:
        return
    if lies:
        yield NamedAddress(path, str(value), lies)
    elif isinstance(value, BaseModel):
        for name, (alias, inner, marks) in _addressed(type(value)).items():
            if name in value.model_fields_set:
                yield from _written(getattr(value, name), inner, step(path, alias), marks)
    else:
        for item, inner, where, marks in _parts(value, annotation, path, metadata):
            yield from _written(item, inner, where, marks)


def _parts(
    value: Any, annotation: Any, path: str, metadata: tuple[Any, ...]
) -> Iterator[tuple[Any, Any, str, Any]]:
    """Entries of a list or map; the value itself where a type only says more of it, or that it may be absent."""
    origin, arguments = get_origin(annotation), get_args(annotation)
    if origin is Annotated:
        yield value, arguments[0], path, arguments[1:]
    elif origin in {tuple, list}:
        yield from ((item, arguments[0], step(path, index), ()) for index, item in enumerate(value))
    elif origin is dict:
        yield from ((item, arguments[1], step(path, key), ()) for key, item in value.items())
    else:
        yield from ((value, one, path, metadata) for one in arguments if one is not NoneType)
