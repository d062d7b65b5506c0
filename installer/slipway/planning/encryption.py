"""How a living cluster's Secrets get another key, or their first one, or none: three stages, each a roll of its own.

    [old] -> READ: [old, new] -> WRITE: [new, old] -> all Secrets are written anew -> DROP: [new]

The first key of an API server's list writes, all of them read. A stage begins once every API server has the one before
by its record, so each reads what any of them writes. Where a cluster stands is read from these records alone, and the
rewrite comes before every DROP: a run that was killed anywhere, or an edit that was taken back, is gone on from there.
"""

import re
from collections.abc import Iterable, Iterator, Mapping
from dataclasses import dataclass, replace
from enum import Enum
from typing import Final

from slipway.model.configuration import Configuration
from slipway.model.kubernetes import PLAIN
from slipway.model.observed import Observed
from slipway.model.plan import Action, Because, Change, Reason, Step, StepId, StepKind
from slipway.model.record import StepRecord
from slipway.planning.digests import digest
from slipway.planning.hardening import key_of
from slipway.planning.recorded import intents_of, records_of
from slipway.planning.roles.kubernetes import CONTROL_PLANE, ENCRYPTION_FIELD

#: Before PLACE.NAME in the parts of a control plane's record.
KEY_PART: Final = f"{CONTROL_PLANE.name}_encryption."
_KEY: Final = re.compile(rf"[0-9]{{2,3}}\.(key[1-9][0-9]{{0,2}}|{PLAIN})")
#: All Secrets are written anew by the key that writes.
REWRITE_STEP: Final = str(StepId(StepKind.ENCRYPTION, "secrets", Action.REWRITE))

#: Names of keys, the one that writes first. An empty one is not known.
Keys = tuple[str, ...]


class KeyStage(Enum):
    """What the next roll of API servers is for."""

    DONE = "nothing: they have the wanted key alone"
    READ = "every API server learns to read Secrets with {new} (1 of 3)"
    WRITE = "API servers write Secrets with {new} from here on, and still read those with {old} (2 of 3)"
    DROP = "API servers read Secrets with {new} alone: none with {old} is left (3 of 3)"
    WAIT = "nothing: the Kubernetes API does not answer, by which Secrets are written anew"


@dataclass(frozen=True, slots=True)
class Encryption:
    """Where a cluster stands on its way to a key."""

    stage: KeyStage
    new: str
    old: Keys
    planes: Mapping[str, Keys]
    """Control plane -> the keys that it is to have after this stage."""
    rewrites: bool = False
    """Whether Secrets have to be written anew before this stage's roll."""

    @property
    def text(self) -> str:
        """What the stage is for."""
        return self.stage.value.format(new=_said(self.new), old=_listed(self.old))

    @property
    def sequel(self) -> str:
        """What the next plans are for, once this one is carried out; empty: nothing is left."""
        if self.stage is KeyStage.READ:
            return f"then API servers write Secrets with {_said(self.new)}, and all Secrets are written anew"
        if self.stage in {KeyStage.WRITE, KeyStage.WAIT}:
            return f"then all Secrets are written anew, so that none with {_listed(self.old)} is left"
        return ""


def encryption_of(configuration: Configuration, observed: Observed) -> Encryption:
    """The stage, from what is recorded of every API server: those that are to leave count until they are gone."""
    kubernetes = configuration.spec.kubernetes
    new = kubernetes.secrets_key if kubernetes else PLAIN
    planes = [plane.name for plane in configuration.control_planes]
    lists = {
        name: found
        for name in (*planes, *_leaving(configuration, observed))
        if (found := _lists(observed, name))
    }
    every = [keys for found in lists.values() for keys in found]
    old = tuple(key for key in dict.fromkeys(key for keys in every for key in keys) if key != new)
    if not old:
        return Encryption(KeyStage.DONE, new, old, dict.fromkeys(planes, (new,)))
    kept = {name: _union(found) or (new, *old) for name, found in lists.items()}
    if not all(new in keys for keys in every):
        kept = {name: _union((keys, (new,))) for name, keys in kept.items()}
        first = next(iter(kept.values()))
        return Encryption(KeyStage.READ, new, old, {name: kept.get(name, first) for name in planes})
    if not all(keys[0] == new for keys in every):
        return Encryption(KeyStage.WRITE, new, old, dict.fromkeys(planes, (new, *old)))
    if not observed.cluster.reachable:
        return Encryption(KeyStage.WAIT, new, old, {name: kept.get(name, (new, *old)) for name in planes})
    rewrites = any(set(kept.get(name, ())) & set(old) for name in planes if not _silent(observed, name))
    return Encryption(KeyStage.DROP, new, old, dict.fromkeys(planes, (new,)), rewrites=rewrites)


def keys_known(configuration: Configuration, observed: Observed) -> frozenset[str]:
    """Names of all keys that some control plane has, or may have."""
    planes = (plane.name for plane in configuration.control_planes)
    names = (*planes, *_leaving(configuration, observed))
    return frozenset(key for name in names for keys in _lists(observed, name) for key in keys)


def rewrite_steps(encryption: Encryption, observed: Observed) -> Iterator[Step]:
    """The step that writes all Secrets anew, where the stage needs it."""
    if not encryption.rewrites:
        return
    inputs = {"key": key_of(encryption.new)}
    new, old = _said(encryption.new), _listed(encryption.old)
    text = f"all Secrets are written anew with {new}, so that none with {old} is left (3 of 3)"
    yield Step(
        id=REWRITE_STEP,
        kind=StepKind.ENCRYPTION,
        target=StepId.parse(REWRITE_STEP).target,
        action=Action.REWRITE,
        change=Change.UPDATE,
        digest=digest(inputs, observed.secrets),
        reasons=(Reason(Because.FIELD, text, ENCRYPTION_FIELD),),
        inputs=inputs,
    )


def with_stage(step: Step, encryption: Encryption) -> Step:
    """A control plane's step, which says for its keys what this stage is for; any other one as it is."""
    others = tuple(reason for reason in step.reasons if not reason.path.startswith(ENCRYPTION_FIELD))
    if step.action != CONTROL_PLANE.name or len(others) == len(step.reasons):
        return step
    return replace(step, reasons=(Reason(Because.FIELD, encryption.text, ENCRYPTION_FIELD), *others))


def known_parts(observed: Observed, name: str) -> list[Mapping[str, str]]:
    """Parts of a control plane's record, and of what was begun there; empty ones are not known."""
    record: StepRecord | None = records_of(observed, name).get(CONTROL_PLANE.name)
    step = str(StepId(StepKind.HOST, name, CONTROL_PLANE.name))
    begun = [intent.parts for intent in intents_of(observed, name) if intent.step == step]
    return [*([record.parts] if record else []), *begun]


def _lists(observed: Observed, name: str) -> list[Keys]:
    """The keys that its API server may have, by its record first; none: it has no API server yet."""
    known = [_keys_in(parts) for parts in known_parts(observed, name)]
    return known or ([()] if name in observed.cluster.nodes else [])


def _keys_in(parts: Mapping[str, str]) -> Keys:
    """Of records without any, PLAIN; empty where they do not tell, or name what is no key."""
    found = [part.removeprefix(KEY_PART) for part in parts if part.startswith(KEY_PART)]
    if not parts or not all(_KEY.fullmatch(one) for one in found):
        return ()
    places = sorted((int(place), name) for place, _, name in (one.partition(".") for one in found))
    return tuple(name for _, name in places) or (PLAIN,)


def _leaving(configuration: Configuration, observed: Observed) -> tuple[str, ...]:
    """Control planes that the ClusterConfiguration does not name any more: they serve until they are gone."""
    named = {host.name for host in configuration.hosts}
    nodes = sorted(observed.cluster.nodes)
    return tuple(
        name for name in nodes if name not in named and CONTROL_PLANE.name in records_of(observed, name)
    )


def _silent(observed: Observed, name: str) -> bool:
    """Whether nothing can be done there now."""
    seen = observed.hosts.get(name)
    return seen is not None and seen.waited_for


def _union(lists: Iterable[Keys]) -> Keys:
    """All of them, in the order in which they come."""
    return tuple(dict.fromkeys(key for keys in lists for key in keys))


def _said(key: str) -> str:
    return "no key" if key == PLAIN else key


def _listed(keys: Keys) -> str:
    return " or ".join(map(_said, keys))
