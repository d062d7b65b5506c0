"""The account that changes things: the operator's own may only watch, and asks for a token of `slipway-applier`.

The token is in a kubeconfig of mode 0600, since Helm and Ansible take nothing else; it outlives no pod.
"""

import base64
import json
import time
from pathlib import Path
from typing import Final

from slipway.cluster.rest.client import Client
from slipway.landing import PRIVATE, land
from slipway.settings import NAMESPACE

ACCOUNT: Final = "slipway-applier"

#: Seconds a token is valid: longer than any single operation, shorter than a working day.
TOKEN_SECONDS: Final = 4 * 3600


class Applier:
    """Keeps one kubeconfig good for at least half a token's life."""

    def __init__(self, client: Client, path: Path) -> None:
        self._client = client
        self._path = path
        self._renew_at = 0.0

    def kubeconfig(self) -> Path:
        """The file, renewed when the token is past half its life."""
        if time.monotonic() >= self._renew_at:
            self._write(self._token())
            self._renew_at = time.monotonic() + TOKEN_SECONDS / 2
        return self._path

    def _token(self) -> str:
        path = f"/api/v1/namespaces/{NAMESPACE}/serviceaccounts/{ACCOUNT}/token"
        request = {
            "apiVersion": "authentication.k8s.io/v1",
            "kind": "TokenRequest",
            "spec": {"expirationSeconds": TOKEN_SECONDS},
        }
        return str(self._client.call("POST", path, body=request)["status"]["token"])

    def _write(self, token: str) -> None:
        configuration = self._client.api.configuration
        authority = base64.b64encode(Path(str(configuration.ssl_ca_cert)).read_bytes()).decode()
        cluster = {"server": configuration.host, "certificate-authority-data": authority}
        content = {
            "apiVersion": "v1",
            "kind": "Config",
            "clusters": [{"name": "cluster", "cluster": cluster}],
            "users": [{"name": ACCOUNT, "user": {"token": token}}],
            "contexts": [{"name": ACCOUNT, "context": {"cluster": "cluster", "user": ACCOUNT}}],
            "current-context": ACCOUNT,
        }
        self._path.parent.mkdir(mode=0o700, parents=True, exist_ok=True)
        land(self._path, json.dumps(content), mode=PRIVATE)
