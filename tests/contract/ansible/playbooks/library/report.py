#!/usr/bin/python
"""Test module: ends with the given result, fails with it, or breaks."""

from ansible.module_utils.basic import AnsibleModule


def main() -> None:
    module = AnsibleModule(
        {"result": {"type": "dict", "default": {}}, "how": {"type": "str", "default": "exit"}}
    )
    if module.params["how"] == "raise":
        raise RuntimeError("the disk is on fire")
    if module.params["how"] == "fail":
        module.fail_json(**{"msg": "failed", **module.params["result"]})
    module.exit_json(**module.params["result"])


main()
