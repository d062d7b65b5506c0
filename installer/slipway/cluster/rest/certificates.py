"""When the API server's certificate ends, as it shows it to whoever connects: one handshake, for `slipway status`."""

from typing import TYPE_CHECKING, Final

if TYPE_CHECKING:
    from slipway.cluster.rest.client import Client

#: A server that answers requests and takes longer for a handshake has other troubles.
_SECONDS: Final = 5.0


def api_certificate_end(client: "Client") -> float | None:
    """Seconds since the epoch; None where none is shown.

    kubeadm makes and renews all certificates of a control plane at one time, so that it stands for the others. Only its
    date is taken: whether the server is who it should be is checked by every request.
    """
    import ssl
    from urllib.parse import urlsplit

    from cryptography.x509 import load_pem_x509_certificate

    server = urlsplit(client.api.configuration.host)
    try:
        text = ssl.get_server_certificate((server.hostname or "", server.port or 443), timeout=_SECONDS)
        return load_pem_x509_certificate(text.encode()).not_valid_after_utc.timestamp()
    except (OSError, ValueError):
        return None
