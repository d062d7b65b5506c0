"""A new module's folder: the least that lints clean, renders, installs and is removed; its author goes on there."""

import re
from pathlib import Path
from typing import Final

from slipway import yamltext
from slipway.catalog.folder.modulefile import RELEASE_NAME_LENGTH
from slipway.catalog.folder.reading import MODULE, SETTINGS
from slipway.catalog.folder.table import with_table
from slipway.catalog.folder.upstream import Upstream
from slipway.errors import ConfigurationError
from slipway.landing import land
from slipway.model.fields import DNS_LABEL

#: Any image of the core that is small: what a skeleton shows works before its author has built one.
_IMAGE: Final = "docker.io/library/busybox"
_TAG: Final = "1.37"

_MODULE: Final = f"""\
name: NAME
version: 0.1.0
summary: One sentence for who chooses modules.
group: platform
requires: [cni]
releases:
- name: NAME
  chart: NAME
  chartDir: chart
  namespace: NAME
  values: values.yaml.j2
images:
- {_IMAGE}:{_TAG}
health: {{timeout: 180}}
removal: {{data: retain, namespace: delete-if-empty}}
resources: {{cpu: 10m, memory: 16Mi, times: replicas}}
"""
#: Of somebody else's chart: what is in it is known when it was read, by `slipway catalog lock`.
_UPSTREAM_MODULE: Final = """\
name: NAME
version: VERSION
summary: One sentence for who chooses modules.
group: platform
requires: [cni]
releases:
RELEASE
images: []
health: {timeout: 300}
removal: {crds: retain, data: retain, namespace: delete-if-empty}
"""
_SETTINGS: Final = """\
$schema: https://json-schema.org/draft/2020-12/schema
type: object
additionalProperties: false
properties:
  replicas:
    description: Pods that serve it.
    type: integer
    minimum: 1
    maximum: 20
    default: 1
"""
_VALUES: Final = f"""\
image: {{{{ image("{_IMAGE}").reference }}}}
replicas: {{{{ settings.replicas }}}}
"""
_UPSTREAM_VALUES: Final = """\
replicaCount: {{ settings.replicas }}
"""
_CASES: Final = """\
accepted:
- {}
- {replicas: 3}
rejected:
- {settings: {replicas: many}, path: .replicas}
- {settings: {replica: 2}, path: .replica, hint: replicas}
"""
_README: Final = """\
# NAME

What it is, for whom, and what it needs.

    kubectl -n NAME get pods      # how to see that it works

"""
_CHART: Final = f"""\
apiVersion: v2
name: NAME
description: One sentence for who chooses modules.
type: application
version: 0.1.0
appVersion: "{_TAG}"
"""
_CHART_VALUES: Final = """\
# All of these come from the module's values.yaml.j2; there is nothing to guess here.
image: ""
replicas: 1
existingSecret: "" # whose keys become environment variables
resources: {requests: {cpu: 10m, memory: 16Mi}}
"""
_TEMPLATE: Final = """\
apiVersion: apps/v1
kind: Deployment
metadata:
  name: {{ .Release.Name }}
  namespace: {{ .Release.Namespace }}
  labels: {app.kubernetes.io/name: NAME, app.kubernetes.io/instance: {{ .Release.Name }}}
spec:
  replicas: {{ .Values.replicas }}
  selector:
    matchLabels: {app.kubernetes.io/name: NAME, app.kubernetes.io/instance: {{ .Release.Name }}}
  template:
    metadata:
      labels: {app.kubernetes.io/name: NAME, app.kubernetes.io/instance: {{ .Release.Name }}}
    spec:
      automountServiceAccountToken: false
      terminationGracePeriodSeconds: 1 # as process 1 it ignores SIGTERM, and has nothing to finish
      containers:
      - name: NAME
        image: {{ .Values.image }}
        command: [httpd, -f, -v, -p, "8080", -h, /etc]
        {{- with .Values.existingSecret }}
        envFrom:
        - secretRef: {name: {{ . }}}
        {{- end }}
        ports:
        - {name: http, containerPort: 8080}
        readinessProbe:
          tcpSocket: {port: http}
        resources: {{ toJson .Values.resources }}
"""
_FILES: Final = {
    MODULE: _MODULE,
    SETTINGS: _SETTINGS,
    "values.yaml.j2": _VALUES,
    "tests/settings.yaml": _CASES,
    "README.md": with_table(_README, yamltext.load(_SETTINGS)),
    "chart/Chart.yaml": _CHART,
    "chart/values.yaml": _CHART_VALUES,
    "chart/templates/NAME.yaml": _TEMPLATE,
}


def write_skeleton(modules: Path, name: str, upstream: Upstream | None = None) -> list[Path]:
    """The files of a module that is new below `modules`; all of them, or none. Without `upstream` it has a chart.

    Raises:
        ConfigurationError: the name cannot be one, or there is such a folder.
    """
    folder = modules / name
    if not re.fullmatch(DNS_LABEL, name) or len(name) > RELEASE_NAME_LENGTH:
        hint = f"a name of lower case letters, digits and -, at most {RELEASE_NAME_LENGTH} long, as its release has"
        raise ConfigurationError(f"{name!r} cannot be a module's name", hint=hint)
    if not modules.is_dir():
        hint = "run it in a checkout, or name the directory with --modules-dir"
        raise ConfigurationError("there is no such directory of modules", where=str(modules), hint=hint)
    if folder.exists():
        raise ConfigurationError("this module is there already", where=str(folder), hint="take another name")
    draft = modules / f".{name}.new"  # put in place as a whole: half a module helps nobody
    files = _named(name) if upstream is None else _of_upstream(name, upstream)
    for path, text in files.items():
        (draft / path).parent.mkdir(parents=True, exist_ok=True)
        land(draft / path, text)
    draft.rename(folder)
    return [folder / path for path in files]


def _named(name: str) -> dict[str, str]:
    return {path.replace("NAME", name): text.replace("NAME", name) for path, text in _FILES.items()}


def _of_upstream(name: str, upstream: Upstream) -> dict[str, str]:
    """The same without a chart, and with what a chart of somebody else's is named by."""
    files = {path: text for path, text in _named(name).items() if not path.startswith("chart/")}
    version = yamltext.dump(upstream.release.version).strip()
    module = _UPSTREAM_MODULE.replace("NAME", name).replace("VERSION", version)
    return files | {
        MODULE: module.replace("RELEASE", upstream.entry().strip()),
        "values.yaml.j2": _UPSTREAM_VALUES,
    }
