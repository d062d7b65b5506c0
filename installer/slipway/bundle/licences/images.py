"""The licence that whoever built an image states in it; pure."""

from collections.abc import Iterable, Mapping
from typing import Any, Final

from slipway.bundle.licences.expression import all_of, spdx_expression
from slipway.smallfiles import json_in

#: The annotation of a manifest, and the label of a configuration.
KEY: Final = "org.opencontainers.image.licenses"


def stated_licence(texts: Iterable[bytes]) -> str:
    """Out of the texts of an image's manifests and configurations; empty where none has an SPDX expression.

    Images for several platforms may state several: all of them at once.
    """
    found = (spdx_expression(text) for data in map(_data, texts) for text in _texts(data))
    return all_of({licence for licence in found if licence})


def _texts(data: Mapping[str, Any]) -> list[str]:
    """Of a manifest, of the manifests that an index names, and of a configuration."""
    named = [item for item in data.get("manifests") or () if isinstance(item, dict)]
    config = data.get("config")
    labels = config.get("Labels") if isinstance(config, dict) else None
    places = [labels, *(item.get("annotations") for item in (data, *named))]
    return [place[KEY] for place in places if isinstance(place, dict) and isinstance(place.get(KEY), str)]


def _data(text: bytes) -> Mapping[str, Any]:
    try:
        found = json_in(text)
    except ValueError:
        return {}
    return found if isinstance(found, dict) else {}
