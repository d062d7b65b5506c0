#!/usr/bin/python
"""Stops firewalld and ufw, or gives them back."""

from __future__ import annotations

DOCUMENTATION = r"""
module: slipway_firewall
short_description: Stop other firewalls, and give them back
description:
  - What is stopped is remembered beside the host's record, and runs again once it is given back.
options:
  state:
    description: Whether others filter packets.
    type: str
    choices: [stopped, given_back]
    required: true
author:
  - Slipway
"""

EXAMPLES = r"""
- name: Stop another firewall
  slipway_firewall:
    state: stopped
"""

RETURN = r"""
units:
  description: Units that were stopped or given back.
  type: list
  returned: always
made:
  description: Those that are to stay stopped, for the record.
  type: list
  returned: always
"""

from ansible.module_utils.basic import AnsibleModule
from ansible.module_utils.slipway_error import HostError
from ansible.module_utils.slipway_firewalls import give_back, running, stop, stopped
from ansible.module_utils.slipway_host import fail
from ansible.module_utils.slipway_things import things


def main() -> None:
    """Entry point."""
    module = AnsibleModule(
        argument_spec={"state": {"type": "str", "choices": ["stopped", "given_back"], "required": True}},
        supports_check_mode=True,
    )
    stopping = module.params["state"] == "stopped"
    try:
        units = running() if stopping else stopped()
        if units and not module.check_mode:
            if stopping:
                stop(units)
            else:
                give_back()
    except (HostError, OSError) as error:
        fail(module, error)
    lines = "".join(f"{unit}\n" for unit in units)
    diff = {"before": lines, "after": ""} if stopping else {"before": "", "after": lines}
    held = stopped() if stopping else []
    module.exit_json(changed=bool(units), units=units, made=things("stopped", *held), diff=diff)


if __name__ == "__main__":
    main()
