"""What a run asks a bundle for."""

from typing import cast

import pytest

from slipway.engine.artifacts import required
from slipway.engine.context import Context
from slipway.errors import BundleError
from slipway.model.bundle import ArtifactKind, BundleManifest
from slipway.model.platforms import AMD64


class Empty:
    """A context whose bundle has nothing."""

    manifest = BundleManifest("empty", "sha256:0", "", "0", ())


@pytest.mark.parametrize(
    ("kind", "words"), [(ArtifactKind.BINARY, "binary helm for "), (ArtifactKind.CHART, "chart helm")]
)
def test_what_a_bundle_lacks_is_named_with_its_platform_where_it_has_one(
    kind: ArtifactKind, words: str
) -> None:
    with pytest.raises(BundleError) as caught:
        required(cast("Context", Empty()), kind, "helm", AMD64)
    assert words in caught.value.what
    assert (AMD64.name in caught.value.what) == (kind is ArtifactKind.BINARY)
    assert caught.value.where == "empty"
