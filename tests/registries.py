"""Real registries on loopback: the distribution binary that sites run, with TLS and an htpasswd file."""

import datetime as dt
import socket
import ssl
import subprocess
import time
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path

import bcrypt
import yaml
from cryptography import x509
from cryptography.hazmat.primitives import hashes, serialization
from cryptography.hazmat.primitives.asymmetric import ec

from slipway.bundle.registry.client import RegistryClient
from tests.binaries import binary

#: A name that nothing resolves: clients have to be told the address.
NAME = "registry.slipway.test"
#: Seconds until a registry that starts must answer; on a busy machine it takes two.
START_SECONDS = 30


@dataclass(frozen=True)
class Registry:
    """A registry that runs."""

    url: str
    ca: Path
    username: str = "push"
    password: str = "correct horse"
    address: str = "127.0.0.1"

    def client(self, password: str | None = None) -> RegistryClient:
        """A client of it."""
        return RegistryClient(
            self.url,
            self.ca,
            self.username,
            self.password if password is None else password,
            address=self.address,
        )


@contextmanager
def running_registry(
    directory: Path,
    data: Path,
    *,
    read_only: bool = False,
    name: str = NAME,
    days: tuple[float, float] = (-0.1, 1),
    address: str = "127.0.0.1",
    port: int = 0,
) -> Iterator[Registry]:
    """Start one with its files in a directory of its own, its certificate valid between two days from now."""
    directory.mkdir(parents=True)
    ca, certificate, key = _certificates(directory, name, days)
    port = port or _free_port()
    registry = Registry(f"https://{name}:{port}", ca, address=address)
    hashed = bcrypt.hashpw(registry.password.encode(), bcrypt.gensalt(4)).decode()
    (directory / "htpasswd").write_text(f"{registry.username}:{hashed}\n")
    configuration = {
        "version": 0.1,
        "log": {"level": "warn", "accesslog": {"disabled": True}},
        "storage": {
            "filesystem": {"rootdirectory": str(data)},
            "delete": {"enabled": not read_only},
            "maintenance": {"readonly": {"enabled": read_only}},
        },
        "http": {"addr": f"{address}:{port}", "tls": {"certificate": str(certificate), "key": str(key)}},
        "auth": {"htpasswd": {"realm": "slipway", "path": str(directory / "htpasswd")}},
    }
    (directory / "config.yml").write_text(yaml.safe_dump(configuration))
    with (directory / "log").open("wb") as log:
        process = subprocess.Popen(
            [binary("registry"), "serve", directory / "config.yml"],
            stdout=log,
            stderr=log,
            env={"OTEL_TRACES_EXPORTER": "none"},
        )
        try:
            _wait((address, port), process, directory / "log")
            yield registry
        finally:
            process.terminate()
            process.wait()


def _wait(place: tuple[str, int], process: "subprocess.Popen[bytes]", log: Path) -> None:
    end = time.monotonic() + START_SECONDS
    while time.monotonic() < end and process.poll() is None:
        with socket.socket() as probe:
            if probe.connect_ex(place) == 0:
                return
        time.sleep(0.02)
    raise AssertionError(f"the registry did not start:\n{log.read_text()}")


def _free_port() -> int:
    with socket.socket() as probe:
        probe.bind(("127.0.0.1", 0))
        return int(probe.getsockname()[1])


def _certificates(directory: Path, name: str, days: tuple[float, float]) -> tuple[Path, Path, Path]:
    ca_key, key = ec.generate_private_key(ec.SECP256R1()), ec.generate_private_key(ec.SECP256R1())
    issuer = x509.Name([x509.NameAttribute(x509.NameOID.COMMON_NAME, "test authority")])
    ca = _certificate(issuer, issuer, ca_key, ca_key).add_extension(
        x509.BasicConstraints(ca=True, path_length=0), True
    )
    subject = x509.Name([x509.NameAttribute(x509.NameOID.COMMON_NAME, name)])
    names = x509.SubjectAlternativeName([x509.DNSName(name)])
    leaf = _certificate(subject, issuer, key, ca_key, days).add_extension(names, False)
    files = directory / "ca.crt", directory / "tls.crt", directory / "tls.key"
    files[0].write_bytes(ca.sign(ca_key, hashes.SHA256()).public_bytes(serialization.Encoding.PEM))
    files[1].write_bytes(leaf.sign(ca_key, hashes.SHA256()).public_bytes(serialization.Encoding.PEM))
    private = key.private_bytes(
        serialization.Encoding.PEM, serialization.PrivateFormat.PKCS8, serialization.NoEncryption()
    )
    files[2].write_bytes(private)
    files[2].chmod(0o600)
    return files


def _certificate(
    subject: x509.Name,
    issuer: x509.Name,
    key: ec.EllipticCurvePrivateKey,
    ca_key: ec.EllipticCurvePrivateKey,
    days: tuple[float, float] = (-0.1, 5),
) -> x509.CertificateBuilder:
    now = dt.datetime.now(dt.UTC)
    authority = x509.AuthorityKeyIdentifier.from_issuer_public_key(ca_key.public_key())
    return (
        x509.CertificateBuilder()
        .subject_name(subject)
        .issuer_name(issuer)
        .public_key(key.public_key())
        .serial_number(x509.random_serial_number())
        .not_valid_before(now + dt.timedelta(days=days[0]))
        .not_valid_after(now + dt.timedelta(days=days[1]))
        .add_extension(x509.SubjectKeyIdentifier.from_public_key(key.public_key()), False)
        .add_extension(authority, False)
    )


def server_tls(directory: Path, name: str) -> tuple[Path, ssl.SSLContext]:
    """The file of an authority, and what serves under a name that it vouches for."""
    directory.mkdir(parents=True)
    ca, certificate, key = _certificates(directory, name, (-0.1, 1))
    context = ssl.SSLContext(ssl.PROTOCOL_TLS_SERVER)
    context.load_cert_chain(certificate, key)
    return ca, context
