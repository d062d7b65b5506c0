"""A user's words are data: no text in an open tree becomes a secret, a template or another value.

Open trees: a module's `values` and `settings`, labels, extra arguments, contents of files. They reach Ansible as host
variables, beside places of secrets that planning alone can make.
"""

import json
from pathlib import Path
from typing import Any

import pytest

from slipway.model.placeholders import SecretValue
from slipway.planning.digests import digest, references
from slipway.runner import resolve, run
from tests.contract.ansible.leftovers import LOCAL, PLAYBOOKS

SECRET = "hunter2-hunter2"
#: Every form that has ever stood for something else: ours of former versions, Ansible's, Jinja's, YAML's.
MARKERS: dict[str, Any] = {
    "a secret": {"$secret": "ssh/id_ed25519"},
    "a secret's file": {"$secretFile": "ssh/id_ed25519"},
    "words with a secret": {"$words": ["-i", {"$secretFile": "ssh/id_ed25519"}]},
    "a digest's place": {"$hmac": "absent"},
    "Ansible's unsafe": {"__ansible_unsafe": "{{ 1 + 1 }}"},
    "Ansible's vault": {"__ansible_vault": "$ANSIBLE_VAULT;1.1;AES256\n30"},
    "Ansible's types": {"__ansible_type": "_AnsibleTaggedStr", "value": "x"},
    "a template": "{{ lookup('pipe', 'id') }}",
    "a template in a key": {"{{ lookup('pipe', 'id') }}": 1},
    "a statement": "{% for x in hostvars %}{{ x }}{% endfor %}",
    "a comment": "{# gone #}",
    "a variable of the run": "{{ ansible_password }}",
    "YAML's tags": ["!vault x", "!unsafe x", "&a x", "*a", "<<"],
    "a merge key": {"<<": {"injected": True}},
    "a reference": "ssh/id_ed25519",
    "a place of a secret, as text": repr(SecretValue("ssh/id_ed25519")),
}


@pytest.mark.parametrize("name", MARKERS)
def test_no_form_of_words_names_a_secret(name: str) -> None:
    def read(reference: str) -> str:
        pytest.fail(f"the secret {reference} was read")

    given = {"values": [MARKERS[name], {"deep": MARKERS[name]}]}
    assert references(given) == frozenset()
    assert resolve(given, read, read) == given
    assert digest(given, {"ssh/id_ed25519": "h"}) == digest(given, {"ssh/id_ed25519": "other"})


def test_ansible_has_the_words_as_they_were(tmp_path: Path) -> None:
    """Beside a secret that is in its place."""
    echo = tmp_path / "echo.json"
    given = {**MARKERS, "list": list(MARKERS.values())}
    result = run(
        PLAYBOOKS / "echo.yml",
        hosts={"a": {**LOCAL, "given": given, "ansible_password": SecretValue("ssh/id_ed25519")}},
        extra={"echo_file": str(echo)},
        directory=tmp_path / "run",
        secrets={"ssh/id_ed25519": SECRET}.__getitem__,
    )
    assert result.failures == ()
    assert json.loads(echo.read_text()) == given
    assert SECRET not in echo.read_text()
