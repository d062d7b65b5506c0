"""What stands for the services of a cluster whose pods do not run: it answers for webhooks and aggregated APIs.

The API server reaches Services through a proxy of ours (its egress selector). That ends each connection itself as the
service that was asked for, with the certificate that the module made for it where there is one, else with one of an
authority of ours, which it writes where a program of the module would have written its own. Reviews are allowed as
they are, objects are converted by the name of their version alone, aggregated APIs have no resources. What was asked
is noted.
"""

import base64
import contextlib
import datetime as dt
import http.server
import json
import socketserver
import ssl
import threading
from collections.abc import Iterator
from pathlib import Path
from types import TracebackType
from typing import Any, Self

from cryptography import x509
from cryptography.hazmat.primitives import hashes, serialization
from cryptography.hazmat.primitives.asymmetric import ec

from tests.apiserver import ApiServer
from tests.levels.repeating import repeated

_ADMISSION = "/apis/admissionregistration.k8s.io/v1"
_PLACES = (
    f"{_ADMISSION}/validatingwebhookconfigurations",
    f"{_ADMISSION}/mutatingwebhookconfigurations",
    "/apis/apiextensions.k8s.io/v1/customresourcedefinitions",
    "/apis/apiregistration.k8s.io/v1/apiservices",
)
_METADATA = "application/json;as=PartialObjectMetadataList;g=meta.k8s.io;v=v1"


class Services:
    """The stand-in of one API server. `asked` are the names of services with the paths that were asked of them."""

    def __init__(self, directory: Path) -> None:
        directory.mkdir(parents=True, exist_ok=True)
        self._directory = directory
        self._socket = directory / "services"
        self._authority = _Authority(directory)
        self._ours: set[str] = set()
        self._looked_at: dict[str, str] = {}
        self._api: ApiServer | None = None
        self.asked: set[tuple[str, str]] = set()
        handler = type("Handler", (_Connection,), {"services": self})
        self._server = socketserver.ThreadingUnixStreamServer(str(self._socket), handler)
        self._server.daemon_threads = True
        self._serving = threading.Thread(target=self._server.serve_forever, daemon=True)

    @property
    def flags(self) -> list[str]:
        """Of the API server that is to reach services through it."""
        transport = {"uds": {"udsName": str(self._socket)}}
        connection = {"proxyProtocol": "HTTPConnect", "transport": transport}
        file = self._directory / "egress.json"
        kind = {"apiVersion": "apiserver.k8s.io/v1beta1", "kind": "EgressSelectorConfiguration"}
        file.write_text(
            json.dumps({**kind, "egressSelections": [{"name": "cluster", "connection": connection}]})
        )
        return [f"--egress-selector-config-file={file}"]

    @contextlib.contextmanager
    def serving(self, api: ApiServer) -> Iterator[None]:
        """Look after the services of this one."""
        self._api = api
        with repeated(self._fill):
            yield

    def __enter__(self) -> Self:
        self._serving.start()
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        self._server.shutdown()
        self._server.server_close()
        self._serving.join()

    def context_of(self, name: str) -> ssl.SSLContext:
        """What to be `SERVICE.NAMESPACE.svc` with."""
        pair = None if name in self._ours else self._made(name)
        return self._authority.context(name, pair)

    def _made(self, name: str) -> tuple[bytes, bytes] | None:
        """The certificate and key that the module made for the service, which a Secret in its namespace has."""
        namespace = name.split(".")[1] if name.count(".") else ""
        for secret in self._items(f"/api/v1/namespaces/{namespace}/secrets"):
            data = secret.get("data") or {}
            if {"tls.crt", "tls.key"} <= set(data):
                certificate, key = (base64.b64decode(data[part]) for part in ("tls.crt", "tls.key"))
                if name in _names(certificate):
                    return certificate, key
        return None

    def _fill(self) -> None:
        """Write the authority of each service whose module leaves that to a program."""
        for path in _PLACES:
            for meta in self._changed(path):
                assert self._api
                status, item = self._api.request("GET", f"{path}/{meta['name']}")
                if status == 200:
                    self._filled(path, item)
                self._looked_at[meta["uid"]] = meta["resourceVersion"]

    def _changed(self, path: str) -> list[dict[str, Any]]:
        """Metadata of what is other than at the last look: definitions are large, and this looks often."""
        assert self._api
        status, answer = self._api.request("GET", path, headers={"Accept": _METADATA})
        listed = [one["metadata"] for one in answer.get("items") or ()] if status == 200 else []
        return [one for one in listed if self._looked_at.get(one["uid"]) != one["resourceVersion"]]

    def _filled(self, path: str, item: dict[str, Any]) -> None:
        changed = False
        for client in _clients(item):
            if not base64.b64decode(client.get("caBundle") or "").strip() and "service" in client:
                self._ours.add(f"{client['service']['name']}.{client['service']['namespace']}.svc")
                client["caBundle"] = base64.b64encode(self._authority.certificate).decode()
                changed = True
        if changed:  # a conflict is another program's write: the next look sees what it wrote
            assert self._api
            self._api.request("PUT", f"{path}/{item['metadata']['name']}?fieldManager=injector", item)

    def _items(self, path: str) -> list[dict[str, Any]]:
        assert self._api
        return self._api.items(path)


def _clients(item: dict[str, Any]) -> Iterator[dict[str, Any]]:
    """What names services in it."""
    for webhook in item.get("webhooks") or ():
        yield webhook["clientConfig"]
    spec = item.get("spec") or {}
    conversion = (spec.get("conversion") or {}).get("webhook") or {}
    if "clientConfig" in conversion:
        yield conversion["clientConfig"]
    if spec.get("service") and not spec.get("insecureSkipTLSVerify"):
        yield spec


def _names(certificate: bytes) -> list[str]:
    with contextlib.suppress(ValueError, x509.ExtensionNotFound):
        found = x509.load_pem_x509_certificate(certificate)
        names = found.extensions.get_extension_for_class(x509.SubjectAlternativeName)
        return names.value.get_values_for_type(x509.DNSName)
    return []


class _Authority:
    """Certificates of our own."""

    def __init__(self, directory: Path) -> None:
        self._directory, self._key = directory, ec.generate_private_key(ec.SECP256R1())
        self._name = x509.Name([x509.NameAttribute(x509.NameOID.COMMON_NAME, "services")])
        basic = x509.BasicConstraints(ca=True, path_length=0)
        self.certificate = self._signed(self._name, self._key, basic, critical=True)

    def context(self, name: str, pair: tuple[bytes, bytes] | None) -> ssl.SSLContext:
        """With this certificate and key, or one of ours for the name."""
        if pair is None:
            key = ec.generate_private_key(ec.SECP256R1())
            subject = x509.Name([x509.NameAttribute(x509.NameOID.COMMON_NAME, name[:64])])
            names = x509.SubjectAlternativeName([x509.DNSName(name)])
            pair = self._signed(subject, key, names, critical=False), _pem(key)
        file = self._directory / f"{name}.{threading.get_ident()}.pem"
        file.touch(mode=0o600)
        file.write_bytes(pair[0] + b"\n" + pair[1])
        context = ssl.SSLContext(ssl.PROTOCOL_TLS_SERVER)
        context.load_cert_chain(file)
        file.unlink()
        return context

    def _signed(
        self,
        subject: x509.Name,
        key: ec.EllipticCurvePrivateKey,
        extension: x509.ExtensionType,
        *,
        critical: bool,
    ) -> bytes:
        now = dt.datetime.now(dt.UTC)
        builder = (
            x509.CertificateBuilder()
            .subject_name(subject)
            .issuer_name(self._name)
            .public_key(key.public_key())
            .serial_number(x509.random_serial_number())
            .not_valid_before(now - dt.timedelta(hours=1))
            .not_valid_after(now + dt.timedelta(days=7))
            .add_extension(extension, critical=critical)
        )
        return builder.sign(self._key, hashes.SHA256()).public_bytes(serialization.Encoding.PEM)


def _pem(key: ec.EllipticCurvePrivateKey) -> bytes:
    form = serialization.PrivateFormat.TraditionalOpenSSL
    return key.private_bytes(serialization.Encoding.PEM, form, serialization.NoEncryption())


class _Connection(http.server.BaseHTTPRequestHandler):
    """One connection of the API server: the way to a service, and then the service."""

    services: Services
    protocol_version = "HTTP/1.1"
    name = ""

    def address_string(self) -> str:
        """A socket of a file has no address."""
        return "api-server"

    def log_message(self, *_: object) -> None:
        """Nothing: what was asked is noted."""

    def do_CONNECT(self) -> None:
        """From now on this is the service that the TLS handshake names."""
        self.wfile.write(b"HTTP/1.1 200 Connection established\r\n\r\n")
        context = self.services.context_of("unnamed")

        def named(connection: ssl.SSLSocket, name: str | None, _: ssl.SSLContext) -> None:
            self.name = name or "unnamed"
            connection.context = self.services.context_of(self.name)

        context.sni_callback = named  # type: ignore[assignment]
        try:
            self.connection = self.request = context.wrap_socket(self.connection, server_side=True)
        except OSError:
            self.close_connection = True
            return
        self.rfile, self.wfile = self.connection.makefile("rb", -1), self.connection.makefile("wb", 0)
        self.close_connection = False

    def finish(self) -> None:
        """Close what the handshake put in the place of the socket, too."""
        super().finish()
        self.connection.close()

    def do_POST(self) -> None:
        """A review."""
        review = json.loads(self.rfile.read(int(self.headers["Content-Length"])))
        self._answer({**review, "request": None, "response": _response(review)})

    def do_GET(self) -> None:
        """What an aggregated API has: nothing."""
        parts = self.path.partition("?")[0].strip("/").split("/")
        if len(parts) != 3 or parts[0] != "apis":
            self._answer({"kind": "Status", "apiVersion": "v1", "status": "Failure", "code": 404}, 404)
            return
        version = f"{parts[1]}/{parts[2]}"
        self._answer(
            {"kind": "APIResourceList", "apiVersion": "v1", "groupVersion": version, "resources": []}
        )

    def _answer(self, content: dict[str, Any], status: int = 200) -> None:
        self.services.asked.add((self.name, self.path.partition("?")[0]))
        body = json.dumps(content).encode()
        self.send_response(status)
        self.send_header("Content-Type", "application/json")
        self.send_header("Content-Length", str(len(body)))
        self.end_headers()
        self.wfile.write(body)


def _response(review: dict[str, Any]) -> dict[str, Any]:
    request = review["request"]
    if review["kind"] == "ConversionReview":
        wanted = request["desiredAPIVersion"]
        converted = [{**item, "apiVersion": wanted} for item in request["objects"]]
        return {"uid": request["uid"], "result": {"status": "Success"}, "convertedObjects": converted}
    return {"uid": request["uid"], "allowed": True}
