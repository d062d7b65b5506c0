"""Kubeconfigs: read as the library reads them, at a fraction of its cost; the odd ones by the library itself."""

import base64
import json
import os
import signal
import subprocess
import sys
from pathlib import Path

import pytest
import yaml

CLUSTER = {"server": "https://10.0.0.5:6443", "certificate-authority-data": base64.b64encode(b"CA").decode()}
CERTIFICATES = {
    "client-certificate-data": base64.b64encode(b"CERT").decode(),
    "client-key-data": base64.b64encode(b"KEY").decode(),
}
TOKEN = {"token": "secret-token"}
PLUGIN = {
    "exec": {
        "apiVersion": "client.authentication.k8s.io/v1",
        "command": "echo",
        "args": [
            json.dumps(
                {
                    "apiVersion": "client.authentication.k8s.io/v1",
                    "kind": "ExecCredential",
                    "status": {"token": "from-plugin"},
                }
            )
        ],
        "interactiveMode": "Never",
    }
}

#: In a process of its own: what is imported, and how, is the point.
READ = """
import json, os, sys
from pathlib import Path
path = Path(sys.argv[2])
if sys.argv[1] == "ours":
    from slipway.cluster.rest import credentials
    credentials.import_library()
    from kubernetes.client import Configuration
    found = Configuration()
    credentials.load_credentials(found, path)
else:
    from kubernetes.client import Configuration
    from kubernetes import config
    found = Configuration()
    config.load_kube_config(str(path), client_configuration=found)
files = [found.ssl_ca_cert, found.cert_file, found.key_file]
print(json.dumps({
    "host": found.host,
    "files": [f and Path(f).read_text() for f in files],
    "modes": [oct(os.stat(f).st_mode & 0o777) for f in files if f],
    "token": found.get_api_key_with_prefix("BearerToken"),
    "whole": "oauthlib" in sys.modules,
    "paths": files,
}))
"""


def kubeconfig(directory: Path, user: dict) -> Path:
    path = directory / "kubeconfig"
    document = {
        "apiVersion": "v1",
        "kind": "Config",
        "current-context": "admin",
        "contexts": [{"name": "admin", "context": {"cluster": "site", "user": "me"}}],
        "clusters": [{"name": "site", "cluster": CLUSTER}],
        "users": [{"name": "me", "user": user}],
    }
    path.write_text(yaml.safe_dump(document))
    return path


def read(who: str, path: Path) -> dict:
    argv = [sys.executable, "-c", READ, who, path]
    environment = {**os.environ, "TMPDIR": str(path.parent)}
    done = subprocess.run(argv, check=True, capture_output=True, text=True, env=environment)
    found: dict = json.loads(done.stdout)
    return found


@pytest.mark.parametrize("user", [CERTIFICATES, TOKEN, PLUGIN], ids=["certificates", "token", "plugin"])
def test_read_as_the_library_reads_it(tmp_path: Path, user: dict) -> None:
    path = kubeconfig(tmp_path, user)
    ours, its = read("ours", path), read("library", path)
    assert {key: ours[key] for key in ("host", "files", "token")} == {
        key: its[key] for key in ("host", "files", "token")
    }
    assert set(ours["modes"]) == {"0o600"}
    assert ours["whole"] == (user is PLUGIN)
    assert list(tmp_path.iterdir()) == [path]


@pytest.mark.parametrize("more", [{}, {"username": "me"}], ids=["read by us", "read by the library"])
def test_a_process_that_is_killed_leaves_no_key_on_a_disk(tmp_path: Path, more: dict) -> None:
    path = kubeconfig(tmp_path, CERTIFICATES | more)
    killed = subprocess.run(
        [sys.executable, "-c", f"{READ}\nimport signal\nos.kill(os.getpid(), signal.SIGKILL)", "ours", path],
        env={**os.environ, "TMPDIR": str(tmp_path)},
        check=False,
    )
    assert killed.returncode == -signal.SIGKILL
    assert list(tmp_path.iterdir()) == [path]


@pytest.mark.parametrize(
    "text", ["", "current-context: admin", "{current-context: a, contexts: []}", "a: [b"]
)
def test_what_is_no_kubeconfig_is_refused(tmp_path: Path, text: str) -> None:
    from slipway.cluster.rest.client import connect
    from slipway.errors import StepError

    path = tmp_path / "kubeconfig"
    path.write_text(text)
    with pytest.raises(StepError, match="cannot be used"):
        connect(path)
