"""Codes by which rooms decide what to do about a host or registry that was not read; people read the sentence."""

from enum import StrEnum
from typing import Final


class HostCode(StrEnum):
    """Why a host could not be read."""

    NONE = ""
    """It was."""
    UNREACHABLE = "unreachable"
    TIMEOUT = "timeout"
    AUTH = "auth"
    """Key or password is not accepted."""
    HOST_KEY = "host-key"
    """It shows another key than the one that is known."""
    UNTRUSTED = "untrusted"
    """None of its keys is known, and nobody is there to look at the one that it shows."""
    SUDO = "sudo"
    """The user does not become root."""
    SHELL = "shell"
    """What is run there does not end as it should."""
    RECORD = "record"
    """Its state is damaged, or of a newer release."""


#: Of a host that is not there. All others are of one that is, and that something is wrong with.
AWAY: Final = frozenset({HostCode.UNREACHABLE, HostCode.TIMEOUT})
#: Of a host on which nothing can be done before that changes; what others have to do goes on.
WAITED_FOR: Final = AWAY | {HostCode.UNTRUSTED}


class RefusalCode(StrEnum):
    """Why a registry, or another server of files, did not do what it was asked."""

    NONE = ""
    """It did."""
    UNAUTHORIZED = "unauthorized"
    """The account is not accepted."""
    DENIED = "denied"
    """The account may not do this."""
    TLS = "tls"
    """The certificate is not trusted."""
    UNREACHABLE = "unreachable"
    """It does not answer, or failed itself: another time it may."""
    NOT_FOUND = "not-found"
    RANGE = "range"
    """It does not have the bytes that are missing."""
    DIGEST = "digest"
    """What it gave is something else."""
    FULL = "full"
    """Its disk is."""
    REFUSED = "refused"
    """Anything else."""
