"""Which secrets a ClusterConfiguration may name: its own ones, and what opens hosts for nothing else. Pure."""

from collections.abc import Iterator
from typing import Any, Final, NamedTuple

from pydantic import BaseModel

from slipway.api.yamlfile import step
from slipway.errors import Finding
from slipway.findings import FindingCode
from slipway.model.configuration import Spec
from slipway.model.fields import SecretRef
from slipway.model.host.ssh import SSH, HostLogin

#: Secrets of these names are made, read and written by Slipway: keys of the site, accounts of its registry.
OWN: Final = "slipway-"


class NamedSecret(NamedTuple):
    """A secret that a spec names. `opens`: to log into hosts, or to become root there."""

    path: str
    reference: SecretRef
    opens: bool


def named_secrets(spec: Spec) -> tuple[NamedSecret, ...]:
    """All of them, wherever they stand."""
    return tuple(_references(spec, "spec", opens=False))


def secret_findings(spec: Spec) -> Iterator[Finding]:
    """A finding for each reference to a secret of Slipway's own, and to one that opens hosts and would lie on them."""
    named = named_secrets(spec)
    keys = {reference for _, reference, opens in named if opens}
    for path, reference, opens in named:
        if reference.name.startswith(OWN):
            yield Finding(
                f"{path}.name",
                f"is {reference.name!r}, which Slipway keeps for itself",
                expected=f"a secret of your own, whose name does not begin with {OWN}",
                hint="",
                code=FindingCode.RESERVED_SECRET,
            )
        elif reference in keys and not opens:
            yield Finding(
                path,
                f"is {reference.name}/{reference.key}, which opens hosts",
                expected="a secret that is for nothing else: this one is given to hosts, or to a registry",
                hint="",
                code=FindingCode.LOGIN_GIVEN_AWAY,
            )


def _references(value: Any, path: str, *, opens: bool) -> Iterator[NamedSecret]:
    """By their type, so that a new field takes part."""
    if isinstance(value, SecretRef):
        yield NamedSecret(path, value, opens)
    elif isinstance(value, BaseModel):
        opens = opens or isinstance(value, SSH | HostLogin)
        for name, info in type(value).model_fields.items():
            yield from _references(getattr(value, name), step(path, info.alias or name), opens=opens)
    elif isinstance(value, dict):
        for key, item in value.items():
            yield from _references(item, step(path, key), opens=opens)
    elif isinstance(value, list | tuple):
        for index, item in enumerate(value):
            yield from _references(item, step(path, index), opens=opens)
