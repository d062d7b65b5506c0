"""Modules with secrets, for tests: a pod that takes one into its environment, beside a pod that does not."""

from pathlib import Path
from typing import Any

import yaml

from tests.api.working import DEPLOYMENT, SCHEMA, write_module

#: What is made, what may be given, and where the charts look.
ENTRIES: list[dict[str, Any]] = [
    {
        "name": "login",
        "purpose": "Opens the page.",
        "when": {"auth": True},
        "secret": {"namespace": "told", "name": "told-login"},
        "keys": {
            "password": {"make": "text", "length": 24},
            "token": {"make": "hex", "length": 20},
            "seed": {"make": "base64", "length": 16},
        },
    }
]
AUTH = {"description": "Whether it asks.", "type": "boolean", "default": True}
TAKEN = """\
      containers:
      - name: pause
        image: "registry.test/pause:1"
        {{- if .Values.login }}
        env: [{name: P, valueFrom: {secretKeyRef: {name: {{ .Values.login }}, key: {{ .Values.key }}}}}]
        {{- end }}
"""
VALUES = """\
node: {{ settings.node | tojson }}
{% if settings.auth %}
login: {{ secret("login").name }}
key: {{ secret("login").key("password") }}
{% endif %}
"""


def write_secret_module(folder: Path, *, data: str = "retain") -> None:
    """Deployments `NAME`, which takes the secret, and `other`, which does not."""
    write_module(folder)
    file = folder / "module.yaml"
    entries = [{**one, "secret": {**one["secret"], "namespace": folder.name}} for one in ENTRIES]
    content = yaml.safe_load(file.read_text()) | {"secrets": entries}
    content["removal"] = {"data": data, "namespace": "delete-if-empty"}
    file.write_text(yaml.safe_dump(content))
    (folder / "schema.yaml").write_text(
        yaml.safe_dump({**SCHEMA, "properties": {**SCHEMA["properties"], "auth": AUTH}})
    )
    (folder / "values.yaml.j2").write_text(VALUES)
    templates = folder / "chart" / "templates"
    plain = DEPLOYMENT.replace("{{ .Release.Name }}", "other")
    taking = DEPLOYMENT[: DEPLOYMENT.index("      containers")] + TAKEN
    (templates / "deployment.yaml").write_text(taking + "---\n" + plain)
