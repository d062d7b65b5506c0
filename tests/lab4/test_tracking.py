"""What a training measured, and the model that came of it: kept while the server's pod goes."""

import json
from typing import Any

import pytest

from tests.lab4.platforms import Enabled, Platform

IMAGE = "docker.io/burakince/mlflow:3.15.1"
NAMESPACE = "mlflow"
#: A training as its author writes it.
TRAINS = """
import mlflow
mlflow.set_experiment("tried")
with mlflow.start_run() as run:
    mlflow.log_param("layers", 3)
    for step in range(3):
        mlflow.log_metric("loss", 1 / (step + 1), step=step)
    mlflow.log_text("weights", "model/weights.txt")
"""
#: Somebody else, later.
READS = """
import json, mlflow
client = mlflow.MlflowClient()
run = client.search_runs([client.get_experiment_by_name("tried").experiment_id])[0]
losses = [one.value for one in client.get_metric_history(run.info.run_id, "loss")]
text = mlflow.artifacts.load_text(f"{run.info.artifact_uri}/model/weights.txt")
print(json.dumps({"layers": run.data.params["layers"], "losses": losses, "text": text}))
"""
#: Without a password.
STRANGER = """
import os, mlflow
for name in ("USERNAME", "PASSWORD"):
    os.environ.pop(f"MLFLOW_TRACKING_{name}")
try:
    mlflow.search_experiments()
except mlflow.MlflowException as error:
    print(error.get_http_status_code())
"""


@pytest.mark.level("4", "mlflow")
def test_what_a_training_measured_outlives_the_servers_pod(platform: Platform, enabled: Enabled) -> None:
    with enabled({"mlflow": {"storage": "1Gi"}}):
        asked(platform, TRAINS)
        assert asked(platform, STRANGER).split()[-1] == "401"
        server = ["-n", NAMESPACE, "-l", "app.kubernetes.io/name=mlflow"]
        platform.kubectl("delete", "pod", *server, timeout=180)
        platform.kubectl(
            "-n", NAMESPACE, "rollout", "status", "deployment/mlflow", "--timeout=240s", timeout=250
        )
        kept = json.loads(asked(platform, READS).splitlines()[-1])
        assert kept == {"layers": "3", "losses": [1.0, 0.5, 1 / 3], "text": "weights"}


def asked(platform: Platform, program: str) -> str:
    """What a program said that uses MLflow's own library, logged in by what Slipway made."""
    env = [
        {"name": "MLFLOW_TRACKING_URI", "value": "http://mlflow.mlflow"},
        {"name": "MLFLOW_DISABLE_TELEMETRY", "value": "true"},
        {"name": "PROGRAM", "value": program},
        *(login(name) for name in ("username", "password")),
    ]
    script = 'exec python -c "$PROGRAM"'
    return platform.said(script, namespace=NAMESPACE, seconds=240, image=IMAGE, env=env)


def login(name: str) -> dict[str, Any]:
    taken = {"secretKeyRef": {"name": "mlflow-admin", "key": name}}
    return {"name": f"MLFLOW_TRACKING_{name.upper()}", "valueFrom": taken}
