"""A small module in several versions: its folder as each has it, what a plan makes of it, and how that is run."""

from dataclasses import replace
from pathlib import Path
from typing import Any

import yaml

from slipway import catalog
from slipway.bundle.form import manifest as manifests
from slipway.catalog import Catalog
from slipway.clock import utc_text
from slipway.cluster.lifecycle.modules import apply_module
from slipway.cluster.lifecycle.upgrading.claims import claims_of
from slipway.cluster.lifecycle.work import Work
from slipway.cluster.own import records
from slipway.cluster.rest.client import Client
from slipway.model.bundle import Artifact, ArtifactKind, chart_name
from slipway.model.configuration import Configuration, Spec
from slipway.model.modulehealth import Health
from slipway.model.observed import ClusterObserved, Observed, Scope
from slipway.model.plan import Step
from slipway.model.record import Intent, ModuleRecord
from slipway.planning.modules import module_steps
from slipway.planning.requests.codec import module_request
from slipway.settings import NAMESPACE

NAME = "ledger"
#: Label of nodes on which Jobs of the steps run.
LABEL = "ledger-open"
IMAGE = "registry.test/tool:1"
RETENTION = {"description": "How long.", "type": "string", "pattern": "^[0-9]+d$", "default": "7d"}
DAYS = {"description": "How long.", "type": "integer", "default": 7}
#: `held`: something that is never ready stands in the release.
HELD = {"description": "It never becomes ready.", "type": "boolean", "default": False}
CLAIM = {"description": "It has a volume.", "type": "boolean", "default": False}
CONFIG = """\
apiVersion: v1
kind: ConfigMap
metadata: {name: ledger}
data: {retention: "{{ .Values.retention }}", version: "{{ .Values.version }}"}
{{ if .Values.claim }}
---
apiVersion: v1
kind: PersistentVolumeClaim
metadata: {name: data}
spec:
  accessModes: [ReadWriteOnce]
  storageClassName: ledger
  volumeName: ledger-data
  resources: {requests: {storage: 1Gi}}
{{ end }}
{{ if .Values.held }}
---
apiVersion: apps/v1
kind: Deployment
metadata: {name: held}
spec:
  selector: {matchLabels: {app: held}}
  template:
    metadata: {labels: {app: held}}
    spec:
      nodeSelector: {ledger-open: never}
      containers: [{name: main, image: registry.test/tool:1}]
{{ end }}
"""
#: An account and a Job with it: done where a node has the label, and failed after a second where none has.
STEP = """\
apiVersion: v1
kind: ServiceAccount
metadata: {name: NAME}
---
apiVersion: batch/v1
kind: Job
metadata: {name: NAME}
spec:
  backoffLimit: 0
  activeDeadlineSeconds: 3
  template:
    spec:
      serviceAccountName: NAME
      restartPolicy: Never
      nodeSelector: {ledger-open: "yes"}
      containers:
      - name: main
        image: {{ image("registry.test/tool").reference }}
        args: [{{ settings.retention }}]
"""


SWITCHES = "held: {{ settings.held }}\nclaim: {{ settings.claim }}\n"


def write_ledger(root: Path, version: str, **upgrade: Any) -> Catalog:
    """The module in a version: 1 has days, later ones a retention. `upgrade`: more of what it says of the way there."""
    folder = root / NAME
    first = version.startswith("1.")
    release = {
        "name": NAME,
        "chart": NAME,
        "chartDir": "chart",
        "namespace": NAME,
        "values": "values.yaml.j2",
    }
    module = {
        "name": NAME,
        "version": version,
        "summary": "What is written down.",
        "releases": [release],
        "images": [IMAGE],
        "resources": {"cpu": "1m", "memory": "1Mi"},
    }
    if not first:
        way = {
            "from": f"<{version}",
            "renamed": {"days": "retention"},
            "converted": {"days": {"text": "{}d"}},
        }
        module["upgrades"] = [{**way, **upgrade}]
    settings = {"held": HELD, "claim": CLAIM, **({"days": DAYS} if first else {"retention": RETENTION})}
    schema = {"type": "object", "additionalProperties": False, "properties": settings}
    value = "settings.days" if first else "settings.retention"
    chart = {"apiVersion": "v2", "name": NAME, "version": "0.1.0"}
    files = {
        "module.yaml": yaml.safe_dump(module),
        "schema.yaml": yaml.safe_dump(schema),
        "values.yaml.j2": f"retention: {{{{ {value} }}}}\nversion: '{version}'\n{SWITCHES}",
        "chart/Chart.yaml": yaml.safe_dump(chart),
        "chart/templates/config.yaml": CONFIG,
        "upgrade/dump.yaml.j2": STEP.replace("NAME", "dump"),
        "upgrade/index.yaml.j2": STEP.replace("NAME", "index"),
    }
    for name, text in files.items():
        (folder / name).parent.mkdir(parents=True, exist_ok=True)
        (folder / name).write_text(text)
    loaded = catalog.load([root])
    assert not loaded.broken, loaded.broken
    return loaded


#: What an upgrade runs, as `upgrade` of `write_ledger`.
STEPS: dict[str, Any] = {
    "before": [{"name": "dump", "manifests": "upgrade/dump.yaml.j2", "timeout": 30}],
    "after": [{"name": "index", "manifests": "upgrade/index.yaml.j2", "timeout": 30}],
}


class Ledger:
    """The module at a cluster."""

    def __init__(self, root: Path, work: Work) -> None:
        self.root = root
        self.work = replace(work, artifact_path=lambda _: root / NAME / "chart")

    @property
    def client(self) -> Client:
        return self.work.client

    @property
    def record(self) -> ModuleRecord:
        found = records.read_module(self.client, NAME)
        assert found is not None
        return found

    def planned(self, release: Catalog, **settings: Any) -> Step:
        """The step that a plan has for it, of the record in the cluster."""
        spec = Spec.model_validate({"modules": {NAME: {"enabled": True, "settings": settings}}})
        configuration = Configuration(name="demo", namespace=NAMESPACE, spec=spec)
        assert release.check(configuration) == []
        chart = Artifact(
            ArtifactKind.CHART, chart_name(NAME, NAME), "0.1.0", "sha256:1", 1, path="ledger.tgz"
        )
        bundle = manifests.manifest_of(name="t", catalog=release.digest, slipway="0", artifacts=[chart])
        record = records.read_module(self.client, NAME)
        claims = {NAME: claims_of(self.client, record)} if record else {}
        known = {NAME: record} if record else {}
        cluster = ClusterObserved(reachable=True, modules=known, claims=claims)
        seen = Observed(Scope.FULL, utc_text(), cluster=cluster)
        (step,) = module_steps(configuration, release, bundle, seen)
        return step

    def applied(self, step: Step, work: Work | None = None, *, seconds: int = 5) -> ModuleRecord:
        """As a run carries it out. `seconds`: for it to be healthy."""
        intent = Intent("op-1", step.id, step.digest, 1, "test", utc_text())
        work = replace(work or self.work, artifact_path=self.work.artifact_path)
        request = replace(module_request(step.inputs), health=Health(timeout=seconds))
        return apply_module(work, request, intent, step.parts)

    def written(self) -> dict[str, str]:
        """What the release's object says."""
        found = self.client.get("v1", "ConfigMap", NAME, NAME) or {}
        return dict(found.get("data") or {})

    def jobs(self, name: str) -> set[str]:
        """Every Job of this name that ever had a pod, by its uid."""
        fields = f"involvedObject.kind=Job,involvedObject.name={name},reason=SuccessfulCreate"
        return {one["involvedObject"]["uid"] for one in self.client.list("v1", "Event", NAME, fields=fields)}

    def left(self) -> list[str]:
        """What steps made and is still there."""
        kinds = (("batch/v1", "Job"), ("v1", "ServiceAccount"))
        found = [one["metadata"]["name"] for kind in kinds for one in self.client.list(*kind, NAME)]
        return [name for name in found if name != "default"]
