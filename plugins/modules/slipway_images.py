#!/usr/bin/python
"""Lets containerd fetch images that will be needed soon, and does not wait for them."""

from __future__ import annotations

DOCUMENTATION = r"""
module: slipway_images
short_description: Begin to fetch images
description:
  - Starts a transient unit that pulls them one by one. A new host fetches what its first pods need while the cluster
    comes to be elsewhere.
  - Only time depends on it, so it neither fails nor counts as a change. Whoever needs an image that did not come
    pulls it.
options:
  images:
    description: Full references.
    type: list
    elements: str
    required: true
author:
  - Slipway
"""

EXAMPLES = r"""
- name: Begin to fetch the network's images
  slipway_images:
    images: [registry.k8s.io/pause:3.10.1]
"""

RETURN = r"""
begun:
  description: Whether they are on their way; not, where a unit of before still runs.
  type: bool
  returned: always
"""

from ansible.module_utils.basic import AnsibleModule
from ansible.module_utils.slipway_host import run

UNIT = "slipway-images"
#: In the namespace where Kubernetes looks for images, with containerd's own mirrors. One by one: they must not take
#: the host's cores from what it is doing. Nothing of a reference is read by the shell.
CTR = "/usr/local/bin/ctr --namespace k8s.io images pull --hosts-dir /etc/containerd/certs.d"
PULL = f'for image; do {CTR} "$image"; done'


def main() -> None:
    """Entry point."""
    module = AnsibleModule(
        argument_spec={"images": {"type": "list", "elements": "str", "required": True}},
        supports_check_mode=True,
    )
    begun = not module.check_mode and bool(module.params["images"])
    if begun:
        start = ["systemd-run", "--quiet", "--no-block", "--collect", "--unit", UNIT]
        begun = run([*start, "sh", "-c", PULL, UNIT, *module.params["images"]]).returncode == 0
    module.exit_json(changed=False, begun=begun)


if __name__ == "__main__":
    main()
