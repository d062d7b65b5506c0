"""cloud-init, which writes names of a host anew at every boot, long after Slipway wrote them."""

from collections.abc import Iterator

from slipway.errors import WARNING, Finding
from slipway.findings import FindingCode
from slipway.model.host.items import Host
from slipway.model.observed import HostObserved

#: Read after all others of its directory that cloud-init knows by default.
_SETTING = "/etc/cloud/cloud.cfg.d/99-slipway.cfg"
#: Settings that came with the machine's user data, which win over files in /etc/cloud.
_USER_DATA = "/var/lib/cloud/"


def cloud_state(path: str, host: Host, seen: HostObserved) -> Iterator[Finding]:
    """Who else owns /etc/hosts and the host's name: after a reboot nothing that Slipway wrote would be there."""
    cloud = seen.survey.cloud_init
    if cloud.hosts:
        text = f"has a cloud-init that writes /etc/hosts anew at every boot ({cloud.hosts})"
        yield Finding(
            path,
            text,
            expected="names that stay",
            hint=_stopped("manage_etc_hosts: false", cloud.hosts),
            code=FindingCode.CLOUD_HOSTS,
        )
    if cloud.hostname and seen.facts.hostname != host.name:
        text = f"has a cloud-init that may name it {seen.facts.hostname} again, when its machine is cloned or moved"
        hint = _stopped("preserve_hostname: true", _SETTING)
        yield Finding(
            path,
            text,
            expected=f"a host that stays {host.name}",
            hint=hint,
            code=FindingCode.CLOUD_HOSTNAME,
            severity=WARNING,
        )


def _stopped(setting: str, file: str) -> str:
    if file.startswith(_USER_DATA):
        return (
            f"say `{setting}` in the machine's user data, or `touch /etc/cloud/cloud-init.disabled` on the host, "
            "which needs cloud-init no more"
        )
    return f"on the host: `echo '{setting}' > {_SETTING}`"
