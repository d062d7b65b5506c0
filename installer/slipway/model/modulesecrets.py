"""Secrets of modules: which a module has, how each key is made, and where charts look for them. Names and rules only.

What is here holds no value: it stands in module.yaml, in a plan's steps and in a module's request.
"""

from collections.abc import Mapping
from enum import StrEnum
from math import log2
from typing import Annotated, Any, Final, Self

from pydantic import Field, model_validator

from slipway.model.fields import LIVE, DNSName, Model, Name, SecretRef

#: A key of a Secret, as the API takes it.
KEY_NAME: Final = r"^[-._a-zA-Z0-9]+$"
KeyName = Annotated[str, Field(max_length=253, pattern=KEY_NAME)]
#: The entry's name is part of the name of a Secret, beside a module's.
EntryName = Annotated[str, Field(max_length=40, pattern=r"^[a-z0-9]([a-z0-9-]*[a-z0-9])?$")]
#: No secret that is made is easier to guess (bits).
LEAST_BITS: Final = 80
LETTERS_AND_DIGITS: Final = "ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz0123456789"


class Making(StrEnum):
    """How a key comes to be."""

    TEXT = "text"
    """Random characters of an alphabet."""
    HEX = "hex"
    """Random bytes, written as hex digits."""
    BASE64 = "base64"
    """Random bytes, written in base64."""
    GIVEN = "given"
    """By the site alone."""


class KeyRule(Model):
    """How one key is made."""

    make: Making
    length: int = Field(default=32, ge=1, le=1024)
    """text: characters; hex, base64: bytes before they are written as text."""
    alphabet: str = Field(default=LETTERS_AND_DIGITS, min_length=2, max_length=128)
    """text: its characters, each once."""

    @model_validator(mode="after")
    def _hard_to_guess(self) -> Self:
        bits = self.length * (log2(len(self.alphabet)) if self.make is Making.TEXT else 8)
        if len(set(self.alphabet)) != len(self.alphabet):
            raise ValueError("the alphabet has a character twice")
        if self.make is not Making.GIVEN and bits < LEAST_BITS:
            raise ValueError(f"{bits:.0f} bits can be guessed: {LEAST_BITS} are the least")
        return self


class SecretPlace(Model):
    """The Secret in which the charts look."""

    namespace: Name
    name: DNSName


class SecretEntry(Model):
    """One secret that a module has, as its module.yaml declares it."""

    name: EntryName
    purpose: str = Field(min_length=1)
    """What it is for, in one sentence."""
    when: dict[str, Any] = Field(default_factory=dict)
    """Only with these settings; empty: always."""
    secret: SecretPlace
    keys: dict[KeyName, KeyRule] = Field(min_length=1, max_length=16)


class ModuleSecret(Model):
    """What the site says of one secret of a module."""

    given: dict[KeyName, SecretRef] = Field(default_factory=dict, max_length=16, json_schema_extra=LIVE)
    """Keys that the site gives, and where from; others are made once. Never what opens hosts or the registry."""
    rotation: int = Field(default=0, ge=0, le=1_000_000, json_schema_extra=LIVE)
    """Another number makes all its made keys anew: `slipway module rotate-secret` counts it up."""


class GivenKey(Model):
    """Where the site's own value of a key is read: a Secret of the namespace of the ClusterConfiguration."""

    namespace: str
    name: str
    key: str


class SecretRequest(Model):
    """One secret as a module's step brings it about. It names values and has none."""

    entry: str
    namespace: str
    name: str
    keys: dict[str, KeyRule]
    given: dict[str, GivenKey]
    rotation: int
    version: str
    """Another one: whoever runs with it has to read it anew."""

    @property
    def made(self) -> dict[str, KeyRule]:
        """The keys that are made."""
        return {key: rule for key, rule in self.keys.items() if key not in self.given}


def given_references(secrets: Mapping[str, ModuleSecret]) -> frozenset[str]:
    """NAME/KEY of all that the site gives."""
    return frozenset(f"{ref.name}/{ref.key}" for one in secrets.values() for ref in one.given.values())
