"""Whether a policy of the user's has API servers log what Secrets hold: the keys of hosts are among them."""

from collections.abc import Iterator, Mapping
from typing import Any, Final

from slipway.errors import WARNING, Finding
from slipway.findings import FindingCode
from slipway.model.configuration import Configuration

_CONTENTS: Final = ("Request", "RequestResponse")
#: What makes a rule one for some requests only.
_NARROWS: Final = ("users", "userGroups", "verbs", "namespaces")


def audit_findings(configuration: Configuration) -> Iterator[Finding]:
    """A warning at the first rule that logs contents of Secrets; what comes behind one for all Secrets is not asked."""
    kubernetes = configuration.spec.kubernetes
    for index, rule in enumerate(kubernetes.audit_policy.get("rules") or () if kubernetes else ()):
        if not _about_secrets(rule):
            continue
        if rule.get("level") in _CONTENTS:
            yield Finding(
                f"spec.kubernetes.auditPolicy.rules[{index}]",
                "logs what Secrets hold, the key that opens the hosts among them: whoever reads the log has it",
                expected="Secrets by their metadata",
                hint='before it: {level: Metadata, resources: [{group: "", resources: [secrets]}]}',
                code=FindingCode.AUDITED_SECRETS,
                severity=WARNING,
            )
            return
        if not any(rule.get(field) for field in _NARROWS) and not _named(rule):
            return


def _about_secrets(rule: Mapping[str, Any]) -> bool:
    """Whether it may be the one by which a request for a Secret goes."""
    resources = rule.get("resources") or ()
    if not resources:
        return not rule.get("nonResourceURLs")
    return any(_secrets(item) for item in resources)


def _secrets(item: Mapping[str, Any]) -> bool:
    names = item.get("resources") or ("*",)
    return not item.get("group") and any(name in {"*", "secrets"} for name in names)


def _named(rule: Mapping[str, Any]) -> bool:
    """Whether it is for objects of some names only."""
    return all(item.get("resourceNames") for item in rule.get("resources") or () if _secrets(item)) and bool(
        rule.get("resources")
    )
