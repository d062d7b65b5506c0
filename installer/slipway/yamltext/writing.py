"""Text out of values, which Go reads back as the same: PyYAML alone leaves `y`, `0o17` or `1e3` without quotes."""

from collections.abc import Iterable
from enum import StrEnum
from typing import Any

import yaml
from yaml.cyaml import CSafeDumper

from slipway.yamltext.scalars import STR, untagged


class _Quick(CSafeDumper):
    """Without anchors; in C: what programs write is large."""

    def ignore_aliases(self, _data: Any) -> bool:
        """Equal values are written out: an anchor helps no reader."""
        return True


class _Readable(yaml.SafeDumper):
    """The same for people: lists are indented below their key, as yamllint wants it."""

    def ignore_aliases(self, _data: Any) -> bool:
        """Equal values are written out: an anchor helps no reader."""
        return True

    def increase_indent(self, flow: bool = False, indentless: bool = False) -> None:  # noqa: ARG002
        """Always."""
        super().increase_indent(flow, False)


def _text(dumper: Any, value: str) -> yaml.ScalarNode:
    """Text that would be read as anything else is quoted; so is a word of an enum, whose value it is."""
    style = None if isinstance(untagged(value), str) else "'"
    node: yaml.ScalarNode = dumper.represent_scalar(STR, str(value), style=style)
    return node


for _dumper in (_Quick, _Readable):
    _dumper.add_representer(str, _text)
    _dumper.add_multi_representer(StrEnum, _text)


def dump(value: Any) -> str:
    """One document; keys stay in their order."""
    text: str = yaml.dump(value, Dumper=_Quick, sort_keys=False, allow_unicode=True, width=200)
    return text


def dump_all(values: Iterable[Any]) -> str:
    """A stream of documents for people, each with its `---`."""
    text: str = yaml.dump_all(
        values, Dumper=_Readable, sort_keys=False, allow_unicode=True, width=120, explicit_start=True
    )
    return text
