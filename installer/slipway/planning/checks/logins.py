"""What one host learns that would open another: a password is read by whoever it is given to, a key is not."""

from collections import defaultdict
from collections.abc import Iterator

from slipway.errors import WARNING, Finding
from slipway.findings import FindingCode
from slipway.model.configuration import Configuration


def login_findings(configuration: Configuration) -> Iterator[Finding]:
    """A warning for each password that opens several hosts."""
    opened: dict[str, list[str]] = defaultdict(list)
    for host in configuration.hosts:
        password = configuration.ssh_of(host).password_ref
        if password:
            opened[f"{password.name}/{password.key}"].append(host.name)
    for reference, names in opened.items():
        if len(names) > 1:
            yield Finding(
                "spec.hosts",
                f"the password {reference} opens {len(names)} hosts, and each of them reads it: "
                f"who has {names[0]} has all of them",
                expected="a key, or a password for each host",
                hint="install a public key and leave passwordRef out, or give each host its own: settings.ssh",
                code=FindingCode.SHARED_PASSWORD,
                severity=WARNING,
            )
