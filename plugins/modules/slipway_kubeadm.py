#!/usr/bin/python
"""Makes a host a node of a cluster, and keeps a control plane's settings as they should be."""

from __future__ import annotations

DOCUMENTATION = r"""
module: slipway_kubeadm
short_description: Membership of a host in a Kubernetes cluster, through kubeadm
description:
  - C(initialized) runs kubeadm init on the first control plane, or continues one that was killed.
  - C(joined) runs kubeadm join. In C(config), C(@token@) and C(@certificate_key@) stand for the secrets.
  - On a control plane that is a member already, both compare its manifests with what kubeadm makes of C(cluster_config)
    and exchange those that differ one by one, behind a health gate.
  - C(credentials) makes a join token, and for a control plane uploads the certificates; it changes no host.
options:
  state:
    description: What the host shall be.
    type: str
    choices: [initialized, joined, credentials]
    required: true
  name:
    description: Node name.
    type: str
    default: ""
  address:
    description: Address of its API server.
    type: str
    default: ""
  port:
    description: Port of its API server.
    type: int
    default: 6443
  control_plane:
    description: Whether the host, or for C(credentials) the one that is to join, is a control plane.
    type: bool
    default: false
  config:
    description: kubeadm's configuration for init or join, as YAML.
    type: str
    default: ""
  cluster_config:
    description: kubeadm's configuration of a control plane, as YAML, where C(config) is one for join.
    type: str
    default: ""
  cluster:
    description: kubeadm's ClusterConfiguration, for C(credentials).
    type: dict
    default: {}
  dns_address:
    description: For C(initialized), a further address of the cluster DNS.
    type: str
    default: ""
  token:
    description: Join token.
    type: str
    default: ""
  certificate_key:
    description: Key of the uploaded certificates.
    type: str
    default: ""
author:
  - Slipway
"""

EXAMPLES = r"""
- name: Initialize the cluster
  slipway_kubeadm:
    state: initialized
    name: cp-01
    address: 10.0.0.5
    config: "{{ lookup('ansible.builtin.template', 'init.yaml.j2') }}"
"""

RETURN = r"""
credentials:
  description: token, ca_hash and certificate_key. Register it in a task with no_log.
  type: dict
  returned: for credentials
made:
  description: Files of ours and static pods, for the record.
  type: list
  returned: for members
"""

import os
from typing import Any

from ansible.module_utils import slipway_dns as dns
from ansible.module_utils.basic import AnsibleModule
from ansible.module_utils.slipway_error import HostError
from ansible.module_utils.slipway_host import fail, locked
from ansible.module_utils.slipway_kubeadm import LOCK, LOCK_SECONDS, Node, member
from ansible.module_utils.slipway_rolling import made, reconfigure


def apply(node: Node, p: dict[str, Any], check: bool) -> dict[str, Any]:
    """Bring the host to its state."""
    if p["state"] == "credentials":
        if check:
            return {"credentials": {"token": "", "ca_hash": "", "certificate_key": ""}}
        return {"credentials": node.credentials(p["cluster"], control_plane=p["control_plane"])}
    if member():
        return configured(node, p, check)
    if not check and p["state"] == "initialized":
        node.initialize(p["config"])
        dns.serve(node, p["dns_address"], check=False)
    elif not check:
        secrets = {"@token@": p["token"], "@certificate_key@": p["certificate_key"]}
        text = p["config"]
        for placeholder, secret in secrets.items():
            text = text.replace(placeholder, secret)
        node.join(text, p["cluster_config"])
    return {"changed": True, "diff": {"before": "", "after": f"node {p['name']}\n"}}


def configured(node: Node, p: dict[str, Any], check: bool) -> dict[str, Any]:
    """A member: a control plane is compared and rolled, a worker has nothing here."""
    first = p["state"] == "initialized"
    if not first and not p["control_plane"]:
        return {"changed": False}
    text = p["config"] if first else p["cluster_config"]
    diffs = reconfigure(node, text, first=first, check=check)
    if first:
        diffs += dns.serve(node, p["dns_address"], check=check)
    return {"changed": bool(diffs), "diff": diffs}


def main() -> None:
    """Entry point."""
    module = AnsibleModule(
        argument_spec={
            "state": {"type": "str", "choices": ["initialized", "joined", "credentials"], "required": True},
            "name": {"type": "str", "default": ""},
            "address": {"type": "str", "default": ""},
            "port": {"type": "int", "default": 6443},
            "control_plane": {"type": "bool", "default": False},
            "config": {"type": "str", "default": ""},
            "cluster_config": {"type": "str", "default": ""},
            "cluster": {"type": "dict", "default": {}},
            "dns_address": {"type": "str", "default": ""},
            "token": {"type": "str", "default": "", "no_log": True},
            "certificate_key": {"type": "str", "default": "", "no_log": True},
        },
        supports_check_mode=True,
    )
    p = module.params
    os.environ["PATH"] = "/usr/local/sbin:/usr/local/bin:/usr/sbin:/usr/bin:/sbin:/bin"
    node = Node(p["name"], p["address"], p["port"])
    try:
        with locked(LOCK, seconds=LOCK_SECONDS):
            answer = apply(node, p, module.check_mode)
            if p["state"] != "credentials":
                answer["made"] = made(control_plane=p["control_plane"])
    except (HostError, OSError) as error:
        fail(module, error)
    module.exit_json(**{"changed": False, **answer})


if __name__ == "__main__":
    main()
