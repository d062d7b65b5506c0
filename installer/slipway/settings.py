"""Names, places and limits that more than one room uses, each with its unit and its reason."""

import os
import sys
from dataclasses import dataclass, field
from functools import cache
from pathlib import Path
from typing import Final

from slipway.landing import real

API_GROUP: Final = "installer.slipway.dev"
API_VERSION: Final = f"{API_GROUP}/v1alpha1"
#: Secret with the keys by which a cluster's Secrets are encrypted, by number: key1, key2. None is ever made twice.
ENCRYPTION_KEYS: Final = "slipway-encryption"
NAMESPACE: Final = "slipway-system"
FIELD_MANAGER: Final = "slipway"

#: On a ClusterConfiguration: the digest of the plan that a person agreed to.
APPROVE_ANNOTATION: Final = f"{API_GROUP}/approve"
#: On the rule for image names: the digest of what was applied.
DIGEST_ANNOTATION: Final = f"{API_GROUP}/digest"
#: The rule for image names: its name, its API as the catalog's Kubernetes has it, and its two objects.
ADMISSION_NAME: Final = "slipway-image-names"
ADMISSION_API: Final = "admissionregistration.k8s.io/v1beta1"
ADMISSION_KINDS: Final = ("MutatingAdmissionPolicy", "MutatingAdmissionPolicyBinding")
#: Leases in NAMESPACE: that of a ClusterConfiguration has its name behind the prefix, that of the operators this word.
LEASE_PREFIX: Final = "slipway-"
ELECTION: Final = "operator"
#: ConfigMap name prefix of module records in NAMESPACE.
MODULE_RECORD_PREFIX: Final = "slipway-module-"
#: The same of Nodes' records: no kubelet writes there, as it does its Node.
NODE_RECORD_PREFIX: Final = "slipway-node-"
#: Secret name prefix in NAMESPACE of what was made for modules' secrets: MODULE.ENTRY follows.
MADE_SECRET_PREFIX: Final = "slipway-made."  # noqa: S105 - a name

#: Directory on every host that holds record.json, pending.json and lock.json.
HOST_STATE_DIR: Final = "/var/lib/slipway"

#: The bundle's own Python, on hosts that have none Ansible can use.
HOST_PYTHON: Final = "/opt/slipway/python/usr/bin/python3"

#: Seconds a host lock or Lease is valid without renewal: long enough for a slow SSH round trip,
#: short enough that a killed apply can be repeated within a coffee break.
LOCK_SECONDS: Final = 60

#: A person would give up on a host that does not answer its first packet in this time (seconds).
SSH_CONNECT_SECONDS: Final = 8

#: Hosts probed at once: bound by file descriptors and the CPU cost of key exchange, not by the network.
PROBE_PARALLEL: Final = 32


@cache
def data_dir() -> Path:
    """Where playbooks/, roles/, modules/, images/ and inventories/ are: the wheel's or the checkout's."""
    packaged = Path(__file__).parent / "_data"
    return packaged if packaged.is_dir() else Path(__file__).resolve().parents[2]


@cache
def cache_dir() -> Path:
    """The one directory for everything fetched or built, keyed by version (`SLIPWAY_CACHE`)."""
    default = Path("/var/cache/slipway") if os.geteuid() == 0 else Path.home() / ".cache" / "slipway"
    return Path(os.environ.get("SLIPWAY_CACHE", default))


@dataclass(frozen=True, slots=True)
class Workspace:
    """The places that belong to one cluster.yaml: local state and the secret store, both beside it."""

    configuration: Path
    name: str
    base: Path = field(init=False)

    def __post_init__(self) -> None:
        """Resolve once, so that a later chdir changes nothing."""
        object.__setattr__(self, "base", real(self.configuration).parent)

    @property
    def state(self) -> Path:
        """Journals, known_hosts, kubeconfig: can be lost without harm (`SLIPWAY_STATE`)."""
        root = Path(os.environ.get("SLIPWAY_STATE", self.base / ".slipway"))
        return root / self.name

    @property
    def secrets(self) -> Path:
        """`NAME/KEY` files, 0600: the secret store before a cluster exists (`SLIPWAY_SECRETS`)."""
        return Path(os.environ.get("SLIPWAY_SECRETS", self.base / "secrets"))

    @property
    def known_hosts(self) -> Path:
        """Host keys, pinned or recorded on first contact."""
        return self.state / "known_hosts"

    @property
    def kubeconfig(self) -> Path:
        """Administrator's kubeconfig of the cluster, 0600."""
        return self.state / "kubeconfig"


def bastion_keys(known_hosts: Path) -> Path:
    """The bastion's keys lie beside those of the hosts: pinning the one says nothing of the other."""
    return known_hosts.with_name(bastion_keys_name(known_hosts.name))


def bastion_keys_name(name: str) -> str:
    """How the bastion's keys are called beside those that are called `name`."""
    return f"{name}_bastion"


def interpreter_bin() -> Path:
    """Directory of this interpreter's programs: ansible-playbook lives there."""
    return Path(sys.executable).parent
