"""Places that secrets take: types of their own, so that no text of a user's can be one.

Planning puts them into a step's inputs, the runner into a connection's variables. They never become JSON or YAML: a
digest has an HMAC in their place, a run the value.
"""

from dataclasses import dataclass


@dataclass(frozen=True, slots=True)
class SecretValue:
    """Becomes the secret's text."""

    reference: str
    """`NAME/KEY`, in the secret store or a Secret of the cluster."""


@dataclass(frozen=True, slots=True)
class SecretFile:
    """Becomes the path of a file with the secret, 0600, that lasts as long as the run."""

    reference: str
    """`NAME/KEY`."""


@dataclass(frozen=True, slots=True)
class ShellWords:
    """Becomes one text: each word is quoted for a shell once it is known."""

    words: "tuple[str | SecretFile | ShellWords, ...]"
