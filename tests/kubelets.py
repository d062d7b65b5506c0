"""What kubelets ask the API to be signed, as they or somebody in their place ask it."""

import base64
import json
from dataclasses import dataclass
from ipaddress import ip_address

from cryptography import x509
from cryptography.hazmat.primitives import hashes, serialization
from cryptography.hazmat.primitives.asymmetric import ec
from cryptography.x509.oid import ExtensionOID, NameOID

from slipway.planning.serving import SIGNER
from tests.apiserver import ApiServer

USAGES = ("digital signature", "server auth")


@dataclass(frozen=True)
class Asked:
    """What a kubelet asks, as `node`; all that is not said is as it should be."""

    node: str = "worker-1"
    subject: str = ""
    organization: str = "system:nodes"
    names: tuple[str, ...] = ("worker-1",)
    addresses: tuple[str, ...] = ("10.0.0.2",)
    mail: str = ""
    raw_names: bytes = b""
    """DER in the place of its names."""
    usages: tuple[str, ...] = USAGES
    groups: tuple[str, ...] = ("system:nodes", "system:authenticated")

    def request(self) -> str:
        """As PEM in base64."""
        key = ec.generate_private_key(ec.SECP256R1())
        subject = x509.Name(
            [
                x509.NameAttribute(NameOID.ORGANIZATION_NAME, self.organization),
                x509.NameAttribute(NameOID.COMMON_NAME, self.subject or f"system:node:{self.node}"),
            ]
        )
        names: list[x509.GeneralName] = [x509.DNSName(name) for name in self.names]
        names += [x509.IPAddress(ip_address(address)) for address in self.addresses]
        names += [x509.RFC822Name(self.mail)] if self.mail else []
        made = x509.CertificateSigningRequestBuilder().subject_name(subject)
        raw = x509.UnrecognizedExtension(ExtensionOID.SUBJECT_ALTERNATIVE_NAME, self.raw_names)
        made = made.add_extension(
            raw if self.raw_names else x509.SubjectAlternativeName(names), critical=False
        )
        pem = made.sign(key, hashes.SHA256()).public_bytes(serialization.Encoding.PEM)
        return base64.b64encode(pem).decode()


def ask(server: ApiServer, name: str, asked: Asked) -> tuple[int, str]:
    """As the kubelet does, whom its certificate names."""
    spec = {"request": asked.request(), "signerName": SIGNER, "usages": list(asked.usages)}
    body = {
        "apiVersion": "certificates.k8s.io/v1",
        "kind": "CertificateSigningRequest",
        "metadata": {"name": name},
        "spec": spec,
    }
    groups = [f"--as-group={group}" for group in asked.groups]
    done = server.kubectl(
        "create", "-f", "-", f"--as=system:node:{asked.node}", *groups, stdin=json.dumps(body), check=False
    )
    return done.returncode, done.stderr
