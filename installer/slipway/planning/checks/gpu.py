"""Are a host's NVIDIA GPUs fit for containers? Where they have to be, what is missing is an error, else a warning."""

import re
from collections.abc import Iterator

from slipway.errors import ERROR, WARNING, Finding, Severity
from slipway.findings import FindingCode
from slipway.model.host.items import Host
from slipway.model.observed import HostObserved
from slipway.planning.roles.facts import Facts
from slipway.planning.roles.node_nvidia import enabled


def gpu_state(path: str, host: Host, seen: HostObserved) -> Iterator[Finding]:
    """All that stands between its GPUs and its containers."""
    settings, survey = host.settings.nvidia, seen.survey
    severity = ERROR if settings.enabled is True else WARNING
    if settings.enabled is True and not survey.gpus:
        hint = "look into the machine (lspci -d 10de:), or set nvidia.enabled to auto or false"
        yield Finding(
            path,
            "has no NVIDIA GPU",
            expected="one, as nvidia.enabled is true",
            hint=hint,
            code=FindingCode.NO_GPU,
        )
    if survey.gpus and survey.nouveau:
        hint = "blacklist nouveau and reboot before NVIDIA's driver is installed"
        text = f"has {len(survey.gpus)} NVIDIA GPUs held by nouveau"
        yield Finding(
            path, text, expected="NVIDIA's driver", hint=hint, code=FindingCode.NOUVEAU, severity=severity
        )
    elif survey.gpus and settings.driver == "host" and enabled(host, Facts(gpus=True)):
        yield from _driver(path, seen, settings.min_driver_version, severity)


def _driver(path: str, seen: HostObserved, oldest: str | None, severity: Severity) -> Iterator[Finding]:
    driver, count = seen.survey.driver, len(seen.survey.gpus)
    if not driver.module:
        hint = "install NVIDIA's driver, or leave it to the GPU operator: nvidia.driver: operator"
        if driver.library:
            hint = "its library is there: load the module (modprobe nvidia), or see dmesg for why it is not"
        text = f"has {count} NVIDIA GPUs and no driver that is loaded"
        yield Finding(
            path, text, expected="NVIDIA's driver", hint=hint, code=FindingCode.GPU_DRIVER, severity=severity
        )
        return
    if oldest and _numbers(driver.module) < _numbers(oldest):
        text = f"has NVIDIA's driver {driver.module}"
        wanted = f"{oldest} or newer, by nvidia.minDriverVersion"
        yield Finding(
            path,
            text,
            expected=wanted,
            hint="install a newer driver and reboot",
            code=FindingCode.GPU_DRIVER_VERSION,
        )
    if driver.library != driver.module:
        found = driver.library or "no library"
        text = f"has the module of NVIDIA's driver {driver.module} and {found} beside it"
        hint = "reboot, so that the module of the installed driver is loaded"
        yield Finding(
            path,
            text,
            expected="one version of both",
            hint=hint,
            code=FindingCode.GPU_DRIVER_MISMATCH,
            severity=severity,
        )
    if seen.survey.nvswitches and driver.fabric_manager != driver.module:
        found = f"is {driver.fabric_manager}" if driver.fabric_manager else "is not there"
        text = f"has an NVSwitch, driver {driver.module}, and its fabric manager {found}"
        hint = f"install nvidia-fabricmanager {driver.module} and start it: without it no GPU can be used"
        yield Finding(
            path,
            text,
            expected="a fabric manager of the driver's version",
            hint=hint,
            code=FindingCode.FABRIC_MANAGER,
            severity=severity,
        )


def _numbers(version: str) -> tuple[int, ...]:
    return tuple(int(part) for part in re.findall(r"\d+", version))
