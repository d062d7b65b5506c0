"""A plan: what an apply would do, as a graph of steps, each with the field or observation that caused it."""

from collections import Counter
from dataclasses import dataclass, field
from enum import StrEnum
from typing import Any, Self

from slipway.model.observed import Scope
from slipway.model.standing import Standing


class StepKind(StrEnum):
    """Which edge carries a step out."""

    HOST = "host"
    """One Ansible role on one host."""
    MIRROR = "mirror"
    """The bundle into the site registry."""
    SETTINGS = "settings"
    """CRDs, Secrets and the ClusterConfiguration into the cluster."""
    NODE = "node"
    """Labels, taints and the mirrored record of one Node; or its removal."""
    ADMISSION = "admission"
    """The rule by which the API server rewrites image names of pods."""
    ENCRYPTION = "encryption"
    """All Secrets, written anew by the key that writes now."""
    MODULE = "module"
    """One module: its releases, or their removal."""


class Action(StrEnum):
    """What a step does. Steps of a host have the role's name instead."""

    APPLY = "apply"
    REMOVE = "remove"
    """Of a Node: it leaves the cluster, and its host is reset."""
    PUSH = "push"
    METADATA = "metadata"
    """Of a Node, and needs the API only; what follows needs the host itself."""
    DRAIN = "drain"
    UNCORDON = "uncordon"
    REWRITE = "rewrite"


@dataclass(frozen=True, slots=True)
class StepId:
    """A step's name. `kind` is a StepKind in all names that Slipway makes, and any text in one that a host reports."""

    kind: str
    target: str
    action: str

    def __str__(self) -> str:
        """As it stands in plans, records and intents."""
        return f"{self.kind}/{self.target}/{self.action}"

    @classmethod
    def parse(cls, text: str) -> Self:
        """Of a text of another form, which a damaged record may hold, all is action."""
        words = text.split("/")
        return cls(*words) if len(words) == len(cls.__match_args__) else cls("", "", text)


#: Target of the step that copies the bundle into the site registry's replica; that of the registry itself is `site`.
REPLICA = "replica"


class Change(StrEnum):
    """What a step does to its target."""

    CREATE = "create"
    UPDATE = "update"
    CONTINUE = "continue"
    REPAIR = "repair"
    REMOVE = "remove"


class Because(StrEnum):
    """Why a step is planned."""

    ABSENT = "absent"
    """There is no record of it."""
    FIELD = "field"
    """A field differs from what was applied."""
    CONTENT = "content"
    """The role or module itself changed."""
    INTENT = "intent"
    """An operation began it and has not finished."""
    DRIFT = "drift"
    """Something is no longer as it was left."""
    FOLLOWS = "follows"
    """Another step of the plan brings it with it."""
    REQUIRED = "required"
    """Nobody named the module, but another one needs it."""
    USED = "used"
    """Something that the module uses where it is on has come, or gone."""
    REMOVED = "removed"
    """It is there and no longer wanted."""
    OWNER = "owner"
    """Another ClusterConfiguration has it."""
    UNHEARD = "unheard"
    """The cluster is there and its API does not answer: whether it is done is not known."""
    EFFECT = "effect"
    """No cause, but what the step will do to its target as it is now."""


@dataclass(frozen=True, slots=True)
class Reason:
    """One reason for a step, said to people."""

    cause: Because
    text: str
    path: str = ""
    diff: str = ""
    """drift: what was changed in a file."""


@dataclass(frozen=True, slots=True)
class FieldChange:
    """A field of the ClusterConfiguration that a step follows: what was carried out before, and what is wanted.

    Both are JSON, shortened, and never a secret; None: it is not set.
    """

    path: str
    before: object = None
    after: object = None


@dataclass(frozen=True, slots=True)
class Consequence:
    """What a step will do to a host besides following fields, as the host is now: told before somebody agrees."""

    text: str
    destructive: bool = False


@dataclass(frozen=True, slots=True)
class Hold:
    """Why a step cannot be carried out now: what is missing, where, in its own words, and the way out."""

    what: str
    where: str
    why: str
    hint: str


@dataclass(frozen=True, slots=True)
class WayBack:
    """How the version before comes back after an upgrade."""

    version: str
    """The one before."""
    obstacles: tuple[str, ...] = ()
    """Why it does not; none: it comes back by itself where this one fails, and by an apply of what was there before."""
    bars: bool = False
    """Whether a failure is not even tried to be rolled back."""
    saved: tuple[str, ...] = ()
    """What snapshots are taken of, to be put back by hand."""

    def __str__(self) -> str:
        """As people read it."""
        why = "; ".join(self.obstacles)
        saved = f"; snapshots have what was in {', '.join(self.saved)}" if self.saved else ""
        if self.bars:
            return f"no way back to {self.version}, a failure is kept and continued: {why}{saved}"
        if self.obstacles:
            return f"way back: {self.version} may not come back: {why}{saved}"
        return f"way back: {self.version} comes back by itself if this fails, later by an apply of it{saved}"


@dataclass(frozen=True, slots=True)
class Step:
    """One unit that is recorded, resumed and reported.

    `id` is `kind/target/action` (`host/cp-01/node_prepare`, `module/flannel/apply`). `inputs` are the role's
    variables or the module's request; a `SecretValue` stands in them where a secret goes.
    """

    id: str
    kind: StepKind
    target: str
    action: str
    change: Change
    digest: str
    needs: tuple[str, ...] = ()
    reasons: tuple[Reason, ...] = ()
    changes: tuple[FieldChange, ...] = ()
    """The fields behind the reasons, as far as it is known what they were."""
    inputs: dict[str, Any] = field(default_factory=dict)
    parts: dict[str, str] = field(default_factory=dict)
    disruptive: bool = False
    destructive: bool = False
    rolling: bool = False
    hold: Hold | None = None
    """Set: an apply leaves it out, for itself or for a step that it needs."""
    back: WayBack | None = None
    """Of a module that gets another version."""

    @property
    def on_host(self) -> bool:
        """Whether its host has to answer."""
        return self.kind is StepKind.HOST or (self.kind is StepKind.NODE and self.action != Action.METADATA)


@dataclass(frozen=True, slots=True)
class Plan:
    """Steps in an order that respects their needs. `digest` covers all steps and the catalog.

    What holds steps back, and what is sick, is not in the digest: it is the same work.
    """

    configuration: str
    generation: int
    catalog: str
    digest: str
    read_at: str
    steps: tuple[Step, ...] = ()
    standing: Standing = field(default_factory=Standing)
    """What was sick when it was made, whether a step mends it or not."""
    notices: tuple[str, ...] = ()
    sequel: str = ""
    """What further plans do once this one is carried out, told beforehand; empty: it is the whole."""
    scope: Scope = Scope.FULL
    """How deep was read what it is a plan of: drift is seen in a full reading alone."""

    @property
    def empty(self) -> bool:
        """Nothing to do."""
        return not self.steps

    @property
    def needs_approval(self) -> bool:
        """Somebody has to agree first, to what is carried out now."""
        return any(step.disruptive or step.destructive for step in self.steps if not step.hold)

    @property
    def holds(self) -> dict[Hold, int]:
        """What holds steps back, and how many of them."""
        return dict(Counter(step.hold for step in self.steps if step.hold))

    @property
    def held(self) -> bool:
        """There is something to do, and nothing of it can be done now."""
        return bool(self.steps) and all(step.hold for step in self.steps)
