"""What well-known names beyond a site are for. Guesses that help a reader: nothing is decided by them."""

from typing import Final

#: Hosts that a pull asks, and the registry of the image's name for which it does.
_REGISTRIES: Final = {
    "docker.io": "docker.io",
    "production.cloudflare.docker.com": "docker.io",
    "quay.io": "quay.io",
    "registry.k8s.io": "registry.k8s.io",
    "pkg.dev": "registry.k8s.io",
    "k8s.gcr.io": "k8s.gcr.io",
    "gcr.io": "gcr.io",
    "ghcr.io": "ghcr.io",
    "pkg-containers.githubusercontent.com": "ghcr.io",
    "nvcr.io": "nvcr.io",
    "mcr.microsoft.com": "mcr.microsoft.com",
    "public.ecr.aws": "public.ecr.aws",
}

_TIME, _PACKAGES, _MODELS, _CHART, _CODE, _TELEMETRY, _CLOUD = (
    "asks for the time",
    "looks for packages",
    "fetches models or data",
    "looks for Helm charts",
    "fetches code or looks for releases",
    "reports usage or looks for a newer version",
    "asks a cloud whether it runs there",
)

_PURPOSES: Final = {
    "pool.ntp.org": _TIME,
    "time.google.com": _TIME,
    "time.cloudflare.com": _TIME,
    "ntp.ubuntu.com": _TIME,
    "debian.org": _PACKAGES,
    "ubuntu.com": _PACKAGES,
    "centos.org": _PACKAGES,
    "openeuler.org": _PACKAGES,
    "pypi.org": _PACKAGES,
    "files.pythonhosted.org": _PACKAGES,
    "registry.npmjs.org": _PACKAGES,
    "repo.anaconda.com": _PACKAGES,
    "conda.anaconda.org": _PACKAGES,
    "proxy.golang.org": _PACKAGES,
    "huggingface.co": _MODELS,
    "modelscope.cn": _MODELS,
    "download.pytorch.org": _MODELS,
    "storage.googleapis.com": _MODELS,
    "charts.bitnami.com": _CHART,
    "github.io": _CHART,
    "github.com": _CODE,
    "githubusercontent.com": _CODE,
    "stats.grafana.org": _TELEMETRY,
    "grafana.com": _TELEMETRY,
    "checkpoint-api.hashicorp.com": _TELEMETRY,
    "usage-stats.ray.io": _TELEMETRY,
    "telemetry.cloud.minio.io": _TELEMETRY,
    "dl.min.io": _TELEMETRY,
    "sentry.io": _TELEMETRY,
    "google-analytics.com": _TELEMETRY,
    "metadata.google.internal": _CLOUD,
}

#: Ports by which a packet says what it is for.
_PORTS: Final = {
    ("udp", 53): "asks a name server that is not the site's",
    ("tcp", 53): "asks a name server that is not the site's",
    ("udp", 123): "asks a time server that is not the site's",
    ("tcp", 80): "asks a web server",
    ("tcp", 443): "asks a web server",
    ("udp", 443): "asks a web server",
    ("udp", 514): "sends its log away",
    ("tcp", 22): "opens an SSH connection",
}


def registry_asked(name: str) -> str:
    """The registry, as image names begin with it, for whose images this host is asked; empty: none that is known."""
    return _by_suffix(_REGISTRIES, name)


def purpose(name: str) -> str:
    """What this host is asked for, in words; empty: not known."""
    return _by_suffix(_PURPOSES, name)


def purpose_of_port(protocol: str, port: int) -> str:
    """What such a packet is for, in words; empty: not known."""
    return _PORTS.get((protocol, port), "")


def _by_suffix(table: dict[str, str], name: str) -> str:
    """The entry of the name itself, or of the nearest domain above it."""
    labels = name.split(".")
    domains = (".".join(labels[index:]) for index in range(len(labels)))
    return next((table[domain] for domain in domains if domain in table), "")
