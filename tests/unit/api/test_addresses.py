"""Every field that may name an address obeys the rules of all of them: found by walking the model, never by a list."""

import re
from collections.abc import Iterator
from typing import Annotated, Any, get_args, get_origin

import pytest
from pydantic import BaseModel
from pydantic.fields import FieldInfo

from slipway.api import addresses, read
from slipway.api.addresses import AddressField, places
from slipway.errors import ConfigurationError, Finding
from slipway.model.configuration import Spec
from slipway.model.fields import Lies
from tests.cases import patched

#: What a server may look like in a text.
PODS = "10.244.3.4"
FORMS = (PODS, f"http://{PODS}", f"https://{PODS}:5000", f"{PODS}:/export")
#: Ends of paths whose texts would take some of these and mean no server: what they mean instead.
OTHERS = {
    r"(\w*[rR]ef|secrets\.given)\.key": "files of secrets",
    r"disks\.(id|wipe)": "serial numbers",
    r"(disks|mounts)\.options": "options",
    r"mounts\.(type|user)": "file systems and clients",
    r"nvidia\.mig\.profile": "names of the MIG manager",
    r"proxy\.noProxy": "what is reached directly, pods and Services among it",
    r"(labels|taints\.(key|value))": "labels",
    r"items\.links\.\w+": "network interfaces",
    r"(items\.name|registry\.(host|replica)|extraHosts\.names)": "names",
    r"registry\.project": "a path",
}


def leaves(
    annotation: Any, metadata: tuple[Any, ...], path: tuple[str, ...]
) -> Iterator[tuple[str, str, bool]]:
    """(path, pattern, marked) of every text of the model that has to look like something."""
    arguments = get_args(annotation)
    if annotation is str:
        pattern = addresses._pattern(metadata)
        yield ".".join(path), pattern, any(isinstance(one, Lies) for one in metadata)
    elif get_origin(annotation) is Annotated:
        yield from leaves(arguments[0], (*metadata, *arguments[1:]), path)
    elif arguments:
        for one in arguments[1:] if get_origin(annotation) is dict else arguments:
            yield from leaves(
                one, metadata if get_origin(annotation) not in {tuple, list, dict} else (), path
            )
    elif isinstance(annotation, type) and issubclass(annotation, BaseModel):
        for name, info in annotation.model_fields.items():
            assert isinstance(info, FieldInfo)
            yield from leaves(info.annotation, tuple(info.metadata), (*path, info.alias or name))


def test_a_text_that_takes_an_address_says_where_it_lies() -> None:
    found = list(leaves(Spec, (), ()))
    assert len(found) > 100
    unmarked = {
        path
        for path, pattern, marked in found
        if pattern and not marked and any(re.search(pattern, form) for form in FORMS)
    }
    known = re.compile(rf"(^|\.)({'|'.join(OTHERS)})$")
    assert [path for path in sorted(unmarked) if not known.search(path)] == []


#: What an entry needs besides the field.
BESIDES: dict[str, dict[str, Any]] = {
    "extraHosts": {"address": "10.9.9.9", "names": ["a.site.internal"]},
    "routes": {"to": "10.200.0.0/16", "via": "10.0.0.1"},
    "registries": {"name": "quay.io"},
    "mounts": {"type": "nfs", "path": "/mnt/a", "source": "10.0.0.9:/a"},
    "items": {"name": "cp-01", "address": "10.0.0.21", "roles": ["control-plane"]},
    "bastion": {"address": "10.0.0.9"},
}
BOUND = {"vip": {"loadBalancer": "external"}}


def written(place: AddressField, value: str) -> dict[str, Any]:
    """A patch of the spec with a value at the place."""
    inner: Any = value
    for index in range(len(place.path) - 1, -1, -1):
        name, owner = place.path[index], place.path[index - 1] if index else ""
        besides = BESIDES.get(owner, {}) if isinstance(inner, dict) and name in {"[]", "*"} else {}
        if name == "[]":
            inner = [{**besides, **inner} if isinstance(inner, dict) else inner]
        elif name == "*":
            inner = {"a": {**besides, **inner} if isinstance(inner, dict) else inner}
        else:
            inner = {**BESIDES.get(owner, {}), **BOUND.get(name, {}), name: inner}
    assert isinstance(inner, dict)
    return inner


def form(place: AddressField, address: str) -> str:
    """The address as the place takes it."""
    name = place.path[-1] if place.path[-1] != "[]" else place.path[-2]
    if name in {"endpoint", "mirrors", "http", "https"}:
        return f"https://{address}"
    return f"{address}:/export" if name == "source" else address


def refused(place: AddressField, address: str) -> tuple[Finding, ...]:
    """What is wrong at the place with an address."""
    patch = written(place, form(place, address))
    if place.path[0] == "registry":
        patch["registry"]["mode"] = "external"
    with pytest.raises(ConfigurationError) as caught:
        read.parse(patched(patch))
    wanted = re.sub(r"\.\*", ".a", "spec." + ".".join(place.path).replace(".[]", "[0]"))
    return tuple(one for one in caught.value.findings if one.path == wanted)


MACHINES = [place for place in places() if place.lies is not Lies.SERVICE]
every = pytest.mark.parametrize("place", MACHINES, ids=lambda place: ".".join(place.path))


@every
@pytest.mark.parametrize("address", [PODS, "10.96.0.10"])
def test_no_machine_lies_among_pods_or_services(place: AddressField, address: str) -> None:
    assert "overlapping-ranges" in [one.code for one in refused(place, address)]


@every
@pytest.mark.parametrize("address", ["10.0.0.300", "224.0.0.9"])
def test_what_no_machine_can_have_is_refused(place: AddressField, address: str) -> None:
    assert next(one.code for one in refused(place, address)) in {"bad-value", "no-address", "no-machine"}


@pytest.mark.parametrize("end", ["10.0.0.0", "10.0.0.255"])
def test_a_networks_own_addresses_are_no_hosts(end: str) -> None:
    patch = {
        "hosts": {"networks": {"management": {"cidr": "10.0.0.0/24"}}, "ssh": {"bastion": {"address": end}}}
    }
    with pytest.raises(ConfigurationError) as caught:
        read.parse(patched(patch))
    assert [one.code for one in caught.value.findings] == ["network-address"]


def test_paths_and_scopes_are_no_addresses() -> None:
    assert addresses.written_in("https://mirror.site:5000/v2/10.244.0.1") == []
    assert addresses.written_in("10.0.0.5:3300,10.0.0.6:/10.244.0.1") == ["10.0.0.5", "10.0.0.6"]
    assert addresses.written_in("10.0.0.9@tcp:10.0.0.10@tcp:/scratch") == ["10.0.0.9", "10.0.0.10"]
    assert addresses.written_in("//10.0.0.7/share") == ["10.0.0.7"]
    assert addresses.written_in("node-10.0.0.1.site.internal") == []
