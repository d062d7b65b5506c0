"""What lies where a ClusterConfiguration says that an account, a password or a certificate is: before it is given on.

Keys are judged where they are used, before anything else.
"""

from collections.abc import Iterator
from typing import Final

from slipway.api.secretrefs import NamedSecret, named_secrets
from slipway.errors import ConfigurationError, Finding
from slipway.findings import FindingCode
from slipway.model.configuration import Spec
from slipway.secrets import Secrets, text_of

#: Fields whose secret is a name and a password.
_ACCOUNTS: Final = ("credentialsRef", "pullRef", "pushRef")
_CERTIFICATE: Final = "-----BEGIN CERTIFICATE-----"


def form_findings(spec: Spec, secrets: Secrets) -> Iterator[Finding]:
    """A finding for each secret that is not there, or is not what its field is for. None tells what it holds."""
    for named in named_secrets(spec):
        field = named.path.rpartition(".")[2]
        if named.path.startswith("spec.modules."):
            continue  # of any form, and perhaps a team's; where it is not there, that module alone is held back
        if field == "secretRef" and named.opens and not named.path.endswith(".become.secretRef"):
            continue
        wanted = _wanted(field)
        try:
            text = text_of(secrets, f"{named.reference.name}/{named.reference.key}")
        except ConfigurationError as error:
            yield _finding(named, error.what, wanted, error.hint)
            continue
        if not _fits(field, text):
            what = f"the secret {named.reference.name}/{named.reference.key} holds something else"
            yield _finding(named, what, wanted, "")


def _finding(named: NamedSecret, text: str, wanted: str, hint: str) -> Finding:
    return Finding(named.path, text, expected=wanted, hint=hint, code=FindingCode.SECRET_FORM)


def _wanted(field: str) -> str:
    if field == "caRef":
        return "a certificate, in PEM"
    return "USER:PASSWORD, in one line" if field in _ACCOUNTS else "one line of text"


def _fits(field: str, text: str) -> bool:
    if field == "caRef":
        return _CERTIFICATE in text
    line = text.rstrip("\r\n")
    user, _, password = line.partition(":")
    return line.isprintable() and bool(user and password if field in _ACCOUNTS else line)
