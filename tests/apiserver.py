"""A real Kubernetes API on loopback: etcd and kube-apiserver as plain processes.

Controllers and fake nodes on request:

    with ApiServer(tmp_path, controllers=True) as server:
        server.kubectl("get", "nodes")                              # kubectl as administrator
        server.request("GET", "/api/v1/namespaces")                 # the bare REST API: (status, body)
        cluster_edge_of_slipway(kubeconfig=server.kubeconfig)

TLS with a CA of its own, RBAC, an administrator's token in files of mode 0600, free ports. Nothing is left:
the processes die with the test process (setpriv --pdeathsig), also when it is killed.
"""

import base64
import datetime as dt
import ipaddress
import json
import secrets
import signal
import socket
import ssl
import subprocess
import time
import urllib.error
import urllib.request
from collections.abc import Iterable, Mapping
from pathlib import Path
from types import TracebackType
from typing import Any, Self

from cryptography import x509
from cryptography.hazmat.primitives import hashes, serialization
from cryptography.hazmat.primitives.asymmetric import ec

from tests.binaries import binary

#: Seconds until the API server must be ready: 3 on an idle machine, ten times that beside builds.
START_SECONDS = 60

STAGES = Path(__file__).parent / "kwok-stages.yaml"


class ApiServer:
    """One API server; `controllers` adds controller-manager and scheduler, `kwok` fake kubelets, `flags` its own."""

    def __init__(
        self,
        directory: Path,
        *,
        controllers: bool = False,
        kwok: bool = False,
        flags: Iterable[str] = (),
        stages: Path = STAGES,
    ) -> None:
        self.directory, self._stages = directory, stages
        self.port, self._client_port, self._peer_port = free_ports(3)
        self.url = f"https://127.0.0.1:{self.port}"
        self.token = secrets.token_urlsafe(32)
        self.kubeconfig = directory / "kubeconfig"
        self._controllers = controllers
        self._kwok = kwok
        self.flags = tuple(flags)
        self._processes: list[subprocess.Popen[bytes]] = []

    def __enter__(self) -> Self:
        self.directory.mkdir(parents=True, exist_ok=True)
        self._write_credentials()
        try:
            self._start_api()
            if self._controllers:
                self._start_controllers()
            if self._kwok:
                self._start_kwok()
        except BaseException:
            self.stop()
            raise
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        self.stop()

    def stop(self) -> None:
        """End what was started, last first."""
        for process in reversed(self._processes):
            process.terminate()
            try:
                process.wait(timeout=5)
            except subprocess.TimeoutExpired:
                process.kill()
                process.wait()
        self._processes.clear()

    def hang_api(self) -> None:
        """etcd and kube-apiserver take requests and answer none, until they are killed."""
        for process in self._processes[:2]:
            process.send_signal(signal.SIGSTOP)

    def kill_api(self) -> None:
        """They go without a word."""
        for process in self._processes[:2]:
            process.kill()
            process.wait()

    def start_api(self) -> None:
        """They come back at the same address, with what etcd had written."""
        others = self._processes[2:]
        self._processes.clear()
        try:
            self._start_api()
        finally:
            self._processes += others

    def stored(self, prefix: str) -> dict[str, tuple[int, bytes]]:
        """What etcd itself has below `prefix`: key -> its revision and its bytes."""
        begin = prefix.encode()
        end = begin[:-1] + bytes([begin[-1] + 1])
        body = {"key": base64.b64encode(begin).decode(), "range_end": base64.b64encode(end).decode()}
        asked = urllib.request.Request(
            f"http://127.0.0.1:{self._client_port}/v3/kv/range", data=json.dumps(body).encode(), method="POST"
        )
        with urllib.request.urlopen(asked, timeout=30) as response:  # noqa: S310
            found = json.load(response).get("kvs") or ()
        return {
            base64.b64decode(item["key"]).decode(): (
                int(item["mod_revision"]),
                base64.b64decode(item["value"]),
            )
            for item in found
        }

    def kubectl(
        self, *arguments: str, stdin: str | None = None, check: bool = True
    ) -> subprocess.CompletedProcess[str]:
        """Run kubectl as administrator."""
        return subprocess.run(
            [str(binary("kubectl")), f"--kubeconfig={self.kubeconfig}", *arguments],
            input=stdin,
            check=check,
            capture_output=True,
            text=True,
            timeout=120,
        )

    def request(
        self,
        method: str,
        path: str,
        body: object | None = None,
        *,
        content_type: str = "application/json",
        token: str = "",
        headers: Mapping[str, str] | None = None,
    ) -> tuple[int, Any]:
        """One call of the REST API: status code and decoded body, refusals included."""
        request = urllib.request.Request(  # noqa: S310 - always https
            self.url + path,
            method=method,
            data=None if body is None else json.dumps(body).encode(),
            headers={
                "Authorization": f"Bearer {token or self.token}",
                "Content-Type": content_type,
                **(headers or {}),
            },
        )
        context = ssl.create_default_context(cafile=self.directory / "ca.crt")
        try:
            with urllib.request.urlopen(request, context=context, timeout=30) as response:  # noqa: S310
                return response.status, _decoded(response.read())
        except urllib.error.HTTPError as error:
            with error:
                return error.code, _decoded(error.read())

    def items(self, path: str) -> list[dict[str, Any]]:
        """What a list has; nothing where the API does not know it now."""
        status, answer = self.request("GET", path)
        return answer.get("items") or [] if status == 200 else []

    def apply(
        self, document: dict[str, Any], *, manager: str = "test", force: bool = False
    ) -> tuple[int, Any]:
        """Server-side apply, strictly validated, of an object whose plural is its kind plus s."""
        group, version = document["apiVersion"].split("/")
        meta = document["metadata"]
        plural = f"{document['kind'].lower()}s"
        path = f"/apis/{group}/{version}/namespaces/{meta['namespace']}/{plural}/{meta['name']}"
        query = f"?fieldManager={manager}&fieldValidation=Strict" + ("&force=true" if force else "")
        return self.request("PATCH", path + query, document, content_type="application/apply-patch+yaml")

    def install_crds(self, *crds: dict[str, Any]) -> None:
        """Create definitions, unless they are there, and wait until the API serves them."""
        for crd in crds:
            status, answer = self.request(
                "POST", "/apis/apiextensions.k8s.io/v1/customresourcedefinitions", crd
            )
            assert status in {201, 409}, answer
        for crd in crds:
            self._wait_served(crd["spec"])

    def _wait_served(self, spec: dict[str, Any]) -> None:
        """Established comes a moment before the handler: wait for the first list that is answered."""
        plural = spec["names"]["plural"]
        path = f"/apis/{spec['group']}/{spec['versions'][0]['name']}/{plural}"
        until(
            lambda: self.request("GET", path)[0] == 200,
            seconds=START_SECONDS,
            what=f"{plural} served",
        )

    def create_namespace(self, name: str) -> None:
        """Create it unless it is there."""
        status, answer = self.request("POST", "/api/v1/namespaces", {"metadata": {"name": name}})
        assert status in {201, 409}, answer

    def create_node(self, name: str, *, labels: dict[str, str] | None = None) -> None:
        """A Node object with the labels that each kubelet gives its own; kwok, when started, makes it Ready."""
        own = {"kubernetes.io/hostname": name, "kubernetes.io/os": "linux", "kubernetes.io/arch": "amd64"}
        node = {"metadata": {"name": name, "labels": {**own, **(labels or {})}}}
        status, answer = self.request("POST", "/api/v1/nodes", node)
        assert status == 201, answer

    def _start_api(self) -> None:
        client = f"http://127.0.0.1:{self._client_port}"
        peer = f"http://127.0.0.1:{self._peer_port}"
        etcd = self._start(
            "etcd",
            f"--data-dir={self.directory}/etcd",
            f"--listen-client-urls={client}",
            f"--advertise-client-urls={client}",
            f"--listen-peer-urls={peer}",
            f"--initial-advertise-peer-urls={peer}",
            f"--initial-cluster=default={peer}",
            "--unsafe-no-fsync",
        )
        server = self._start(
            "kube-apiserver",
            f"--etcd-servers={client}",
            f"--secure-port={self.port}",
            "--bind-address=127.0.0.1",
            "--advertise-address=127.0.0.1",
            "--endpoint-reconciler-type=none",
            f"--tls-cert-file={self.directory}/server.crt",
            f"--tls-private-key-file={self.directory}/server.key",
            f"--token-auth-file={self.directory}/tokens.csv",
            "--authorization-mode=Node,RBAC",
            "--service-cluster-ip-range=10.96.0.0/16",
            f"--service-account-key-file={self.directory}/sa.key",
            f"--service-account-signing-key-file={self.directory}/sa.key",
            "--service-account-issuer=https://kubernetes.default.svc",
            "--allow-privileged",
            *self.flags,
        )
        until(lambda: self._ready(etcd, server), seconds=START_SECONDS, what="kube-apiserver ready")

    def _start_controllers(self) -> None:
        self._start(
            "kube-controller-manager",
            f"--kubeconfig={self.kubeconfig}",
            f"--service-account-private-key-file={self.directory}/sa.key",
            f"--root-ca-file={self.directory}/ca.crt",
            "--use-service-account-credentials",
            "--leader-elect=false",
            "--controllers=*,-node-ipam-controller",
            "--secure-port=0",
        )
        self._start(
            "kube-scheduler", f"--kubeconfig={self.kubeconfig}", "--leader-elect=false", "--secure-port=0"
        )

    def _start_kwok(self) -> None:
        (port,) = free_ports(1)
        self._start(
            "kwok",
            f"--kubeconfig={self.kubeconfig}",
            "--manage-all-nodes=true",
            "--node-lease-duration-seconds=40",
            f"--server-address=127.0.0.1:{port}",
            f"--config={self._stages}",
        )

    def _start(self, name: str, *arguments: str) -> subprocess.Popen[bytes]:
        with (self.directory / f"{name}.log").open("wb") as log:
            process = subprocess.Popen(
                ["setpriv", "--pdeathsig", "KILL", str(binary(name)), *arguments],
                stdin=subprocess.DEVNULL,
                stdout=log,
                stderr=log,
                cwd=self.directory,
                start_new_session=True,
            )
        self._processes.append(process)
        return process

    def _ready(self, *processes: subprocess.Popen[bytes]) -> bool:
        dead = [process for process in processes if process.poll() is not None]
        if dead:
            logs = "\n".join(path.read_text()[-2000:] for path in self.directory.glob("*.log"))
            raise RuntimeError(f"{dead[0].args} ended:\n{logs}")
        try:
            return self.request("GET", "/readyz?exclude=unknown")[0] == 200
        except (urllib.error.URLError, ConnectionError, json.JSONDecodeError):
            return False

    def _write_credentials(self) -> None:
        write_certificates(self.directory)
        _private(self.directory / "tokens.csv", f'{self.token},admin,1,"system:masters"\n')
        _private(self.directory / "kubeconfig", json.dumps(self._kubeconfig()))

    def _kubeconfig(self) -> dict[str, Any]:
        cluster = {"server": self.url, "certificate-authority": str(self.directory / "ca.crt")}
        return {
            "apiVersion": "v1",
            "kind": "Config",
            "clusters": [{"name": "test", "cluster": cluster}],
            "users": [{"name": "admin", "user": {"token": self.token}}],
            "contexts": [{"name": "test", "context": {"cluster": "test", "user": "admin"}}],
            "current-context": "test",
        }


def free_ports(count: int) -> tuple[int, ...]:
    """TCP ports nobody listens on at this moment."""
    sockets = [socket.socket() for _ in range(count)]
    try:
        for one in sockets:
            one.bind(("127.0.0.1", 0))
        return tuple(one.getsockname()[1] for one in sockets)
    finally:
        for one in sockets:
            one.close()


def until(condition: Any, *, seconds: float, what: str) -> None:
    """Wait for a condition, ten times a second, or fail saying what was awaited."""
    end = time.monotonic() + seconds
    while not condition():
        if time.monotonic() > end:
            raise TimeoutError(f"{what}: not within {seconds:.0f} s")
        time.sleep(0.1)


def write_certificates(directory: Path) -> None:
    """ca.crt, server.crt, server.key and the key that signs service account tokens."""
    ca_key, key = ec.generate_private_key(ec.SECP256R1()), ec.generate_private_key(ec.SECP256R1())
    ca_name = x509.Name([x509.NameAttribute(x509.NameOID.COMMON_NAME, "test-ca")])
    name = x509.Name([x509.NameAttribute(x509.NameOID.COMMON_NAME, "127.0.0.1")])
    names = x509.SubjectAlternativeName(
        [x509.IPAddress(ipaddress.ip_address("127.0.0.1")), x509.DNSName("localhost")]
    )
    ca = _builder(ca_name, ca_name, ca_key).add_extension(
        x509.BasicConstraints(ca=True, path_length=0), critical=True
    )
    server = _builder(name, ca_name, key).add_extension(names, critical=False)
    for file, builder in (("ca.crt", ca), ("server.crt", server)):
        (directory / file).write_bytes(
            builder.sign(ca_key, hashes.SHA256()).public_bytes(serialization.Encoding.PEM)
        )
    _private(directory / "server.key", _pem(key))
    _private(directory / "sa.key", _pem(ec.generate_private_key(ec.SECP256R1())))


def _builder(
    subject: x509.Name, issuer: x509.Name, key: ec.EllipticCurvePrivateKey
) -> x509.CertificateBuilder:
    now = dt.datetime.now(dt.UTC)
    return (
        x509.CertificateBuilder()
        .subject_name(subject)
        .issuer_name(issuer)
        .public_key(key.public_key())
        .serial_number(x509.random_serial_number())
        .not_valid_before(now - dt.timedelta(hours=1))
        .not_valid_after(now + dt.timedelta(days=7))
    )


def _pem(key: ec.EllipticCurvePrivateKey) -> str:
    return key.private_bytes(
        serialization.Encoding.PEM,
        serialization.PrivateFormat.TraditionalOpenSSL,
        serialization.NoEncryption(),
    ).decode()


def _private(path: Path, text: str) -> None:
    path.touch(mode=0o600)
    path.write_text(text)


def _decoded(body: bytes) -> Any:
    try:
        return json.loads(body)
    except json.JSONDecodeError:
        return body.decode(errors="replace")
