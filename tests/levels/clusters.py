"""A cluster of fake nodes whose services answer: what modules are tried on at level 3."""

from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

from tests.apiserver import STAGES, ApiServer
from tests.levels.webhooks import Services

#: Of a pod that runs: without one no Service has endpoints, and no webhook is asked.
ADDRESS = """\
      {{ with PodIPsWith .spec.nodeName (or .spec.hostNetwork false) .metadata.uid .metadata.name .metadata.namespace }}
      podIP: {{ index . 0 | Quote }}
      podIPs:
      {{ range . }}
      - ip: {{ . | Quote }}
      {{ end }}
      {{ end }}
"""


@contextmanager
def cluster(directory: Path) -> Iterator[tuple[Services, ApiServer]]:
    """The API server with its controllers, and what stands for services whose pods do not run."""
    with (
        Services(directory / "services") as services,
        ApiServer(
            directory / "api", flags=services.flags, controllers=True, kwok=True, stages=_stages(directory)
        ) as api,
        services.serving(api),
    ):
        yield services, api


def _stages(directory: Path) -> Path:
    """How fake kubelets run pods: with addresses."""
    begun = "      startTime: {{ Now | Quote }}\n"
    assert begun in STAGES.read_text()
    file = directory / "stages.yaml"
    file.write_text(STAGES.read_text().replace(begun, ADDRESS + begun))
    return file
