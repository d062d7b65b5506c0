"""pydantic's errors as findings of ours: the field as its user wrote it, what is wrong, what was expected."""

from collections.abc import Iterator, Sequence
from difflib import get_close_matches
from typing import Any, get_args

from pydantic import BaseModel, ValidationError
from pydantic.fields import FieldInfo

from slipway.api.yamlfile import kind_of, step
from slipway.errors import Finding
from slipway.findings import FindingCode
from slipway.model import configuration, fields, modulesources
from slipway.model.host import directories, disks, firewall, mounts, networks, nvidia, runtime, system

#: What a value must look like, in words, for every pattern of the model.
PATTERNS = {
    fields.DNS_LABEL: "a name of lower case letters, digits and -, at most 63 long",
    fields.DNS_NAME: "a DNS name in lower case",
    fields.HOST_NAME: "a name in lower case, of letters, digits, - and ., at most 63 long",
    fields.MACHINE4: "an IPv4 address of a machine, as 10.0.0.21",
    fields.SERVER_URL: "a URL without path, with its host in lower case, as https://registry.example.org:5000",
    fields.LABEL_KEY: "a label's key, as rack or example.org/rack: letters, digits and - . _",
    fields.LABEL_VALUE: "a label's value: letters, digits and - . _ between them, at most 63",
    fields.IPV4: "an IPv4 address, as 10.0.0.21",
    fields.CIDR4: "an IPv4 range, as 10.96.0.0/16",
    fields.SERVER: "an IPv4 address or a DNS name in lower case",
    disks.DISK_NAME: "a name of lower case letters, digits and -, at most 24 long",
    disks.DISK_ID: "a name under /dev/disk/by-id without that directory, or a serial number",
    disks.VOLUME_NAME: "a name of lower case letters, digits and -, at most 32 long",
    disks.MOUNT_POINT: "a directory other than /, as /data, of letters, digits and . _ -",
    disks.MOUNT_OPTION: "one mount option, as noatime",
    directories.DIRECTORY: "an absolute path without . and .. and without / at its end",
    directories.MODE: "permissions in octal, as 0755",
    directories.ACCOUNT: "a name of a user or group, or its number",
    system.DISK_SIZE: "a size in M, G or T, as 2G",
    system.UNLIMITED: "unlimited, or a whole number of KiB from 64 on",
    system.LOG_SIZE: "a size in k, M or G, as 100M",
    system.LOG_PATH: "an absolute path, with * and ? where they are wanted, as /var/log/slurm/*.log",
    system.RETENTION: "hours, days or weeks, as 14d",
    mounts.FILE_SYSTEM: "a type of file system, as nfs",
    mounts.MOUNT_PATH: "an absolute path without blanks, as /mnt/data",
    mounts.SOURCE: "a source without blanks, as 10.0.0.9:/export",
    mounts.OPTION: "one option of a mount, as vers=3",
    mounts.CEPH_USER: "the id of a Ceph client, as home",
    firewall.OPEN_PORT: "a port with its protocol, as 9100/tcp or 30000-30100/udp",
    networks.LINK: "a network interface by name, as eth1, or by hardware address in lower case",
    nvidia.DRIVER_VERSION: "a version of NVIDIA's driver, as 550 or 550.54.15",
    nvidia.LABEL_VALUE: "the value of a label: letters, digits and - . _, at most 63",
    runtime.REGISTRY_NAME: "a registry's name in lower case, as harbor.example.org:8443",
    runtime.REGISTRY_URL: "a URL without password, as https://mirror.example.org or https://harbor.example.org/proxy",
    runtime.PROXY_URL: "a URL without path and password, as http://proxy.example.org:3128",
    runtime.NO_PROXY: "a name, domain, address or range",
    runtime.LOG_SIZE: "a size in Ki, Mi or Gi, as 10Mi",
    fields.PORT_RANGE: "FIRST-LAST, as 30000-32767",
    configuration.PROJECT: "names in lower case, with / between them, as platform or teams/platform",
    modulesources.DIGEST: "a digest, as sha256: and 64 hex digits",
    configuration.PUBLIC_KEY: "a public key of Ed25519 as OpenSSH has it: ssh-ed25519 AAAA...",
    r"^v[0-9]+\.[0-9]+\.[0-9]+$": "a version, as v1.35.4",
    r"^[0-9]+[smh]$": "a duration, as 10m",
    r"^/[^\s]*$": "an absolute path",
    r"^[a-z_][a-z0-9_-]*$": "a login name",
    r"^[-._a-zA-Z0-9]+$": "letters, digits and . - _",
}

_TYPES = {
    "string_type": "text (put it in quotes)",
    "int_type": "a whole number",
    "int_from_float": "a whole number",
    "float_type": "a number",
    "bool_type": "true or false",
    "dict_type": "a map",
    "model_type": "a map",
    "tuple_type": "a list",
    "list_type": "a list",
}
_LIMITS = {
    "greater_than_equal": ("ge", "at least {}"),
    "less_than_equal": ("le", "at most {}"),
    "string_too_long": ("max_length", "at most {} characters"),
    "string_too_short": ("min_length", "at least {} characters"),
    "too_long": ("max_length", "at most {} entries"),
    "too_short": ("min_length", "at least {} entries"),
}


def findings(error: ValidationError, root: type[BaseModel], path: str) -> Iterator[Finding]:
    """One finding for each thing that pydantic refused in `root`, whose own path is `path`."""
    for one in error.errors(include_url=False, include_context=True):
        if not _echo(dict(one)):
            yield _finding(dict(one), root, path)


def nearest(name: str, known: Sequence[str]) -> str:
    """`did you mean X?`, or nothing when no name is near."""
    folded = {item.lower(): item for item in known}
    close = get_close_matches(name.lower(), list(folded), n=1, cutoff=0.6)
    return f"did you mean {folded[close[0]]}?" if close else ""


def _below(model: type[BaseModel], name: str) -> str:
    """Where a field that stands too high belongs, or nothing."""
    for parent, info in fields_of(model).items():
        inner = model_in(info.annotation)
        if inner and name in fields_of(inner):
            return f"did you mean {parent}.{name}?"
    return ""


def fields_of(kind: type[BaseModel]) -> dict[str, FieldInfo]:
    """Fields by the name users write."""
    return {info.alias or name: info for name, info in kind.model_fields.items()}


def _echo(one: dict[str, Any]) -> bool:
    """Whether a list only seems too short because some of its entries were refused already."""
    return one["type"] == "too_short" and bool(len(one["input"]) >= one["ctx"]["min_length"])


def _finding(one: dict[str, Any], root: type[BaseModel], path: str) -> Finding:
    location = [part for part in one["loc"] if part != "[key]"]
    for part in location:
        path = step(path, part)
    kind, value, context = str(one["type"]), one.get("input"), one.get("ctx") or {}
    if kind == "extra_forbidden":
        model = _model_at(root, location[:-1])
        known = sorted(fields_of(model))
        expected = f"one of {', '.join(known)}"
        return Finding(
            path,
            "there is no such field",
            expected=expected,
            hint=nearest(str(location[-1]), known) or _below(model, str(location[-1])),
            code=FindingCode.UNKNOWN_FIELD,
        )
    if kind == "missing":
        return Finding(path, "is missing", expected="a value", code=FindingCode.MISSING_FIELD)
    if kind in _TYPES:
        many = f" of {len(value)}" if isinstance(value, dict | list | tuple) else _shown(value, location)
        return Finding(path, f"is {kind_of(value)}{many}", expected=_TYPES[kind], code=FindingCode.WRONG_TYPE)
    if kind == "literal_error":
        known = [part.strip("' ") for part in context["expected"].replace(" or ", ",").split(",")]
        return Finding(
            path,
            f"is{_shown(value, location)}",
            expected=f"one of {', '.join(known)}",
            hint=nearest(str(value), known),
            code=FindingCode.BAD_VALUE,
        )
    return Finding(
        path,
        f"is{_shown(value, location) or ' something else'}",
        expected=_expected(kind, context, str(one["msg"])),
        code=FindingCode.BAD_VALUE,
    )


def _expected(kind: str, context: dict[str, Any], message: str) -> str:
    if kind == "string_pattern_mismatch":
        return PATTERNS.get(context["pattern"], f"a value that matches {context['pattern']}")
    if kind in _LIMITS:
        key, text = _LIMITS[kind]
        return text.format(context[key])
    return message


def _shown(value: object, location: Sequence[object]) -> str:
    """The value itself where it is short; a map or a list says nothing in one line.

    Nor what stands where a secret is named, or is a key: it may be the secret itself, and errors go to logs.
    """
    if any(str(part).endswith("Ref") for part in location) or "PRIVATE KEY" in str(value):
        return ""
    if isinstance(value, dict | list | tuple) or value is None:
        return f" {kind_of(value)} of {len(value)}" if isinstance(value, dict | list | tuple) else ""
    text = repr(value)
    return f" {text}" if len(text) <= 80 else f" {text[:77]}..."  # noqa: PLR2004 - a line of a terminal


def _model_at(root: type[BaseModel], location: Sequence[object]) -> type[BaseModel]:
    """The model whose field was refused: follow the aliases down from `root`."""
    current = root
    for part in location:
        info = fields_of(current).get(str(part))
        if info is not None:
            current = model_in(info.annotation) or current
    return current


def model_in(annotation: object) -> type[BaseModel] | None:
    """The model inside `X`, `X | None`, `tuple[X, ...]` or `dict[str, X]`."""
    if isinstance(annotation, type) and issubclass(annotation, BaseModel):
        return annotation
    return next((found for part in get_args(annotation) if (found := model_in(part))), None)
