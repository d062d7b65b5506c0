"""How a bundle is laid out in volumes, and what is not taken for one: pure."""

import json
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from slipway.bundle.carry.volumes import (
    BLOCK,
    END,
    SMALLEST,
    Header,
    Span,
    dump,
    laid_out,
    missing_numbers,
    parse,
    size_in_bytes,
    volume_name,
)
from slipway.bundle.form.names import is_bundle_path
from slipway.errors import BundleError

DIGEST = "sha256:" + "a" * 64
FILES = st.lists(st.integers(0, 10 * SMALLEST), min_size=1, max_size=20).map(
    lambda sizes: [(f"binary/{number}", size) for number, size in enumerate(sizes)]
)


@given(files=FILES, limit=st.integers(SMALLEST, 5 * SMALLEST))
def test_every_byte_is_in_one_volume_and_no_volume_is_too_large(
    files: list[tuple[str, int]], limit: int
) -> None:
    volumes = laid_out(files, limit)
    spans = [span for volume in volumes for span in volume]
    for path, size in files:
        mine = [span for span in spans if span.path == path]
        assert [span.offset for span in mine] == [sum(s.size for s in mine[:n]) for n in range(len(mine))]
        assert sum(span.size for span in mine) == size
    for number, volume in enumerate(volumes):
        told = tuple(Span(s.path, s.offset, s.size, s.whole, DIGEST) for s in volume)
        header = len(dump(Header(DIGEST, number + 1, len(volumes), told)))
        blocks = sum(BLOCK + -(-size // BLOCK) * BLOCK for size in [header, *(s.size for s in volume)])
        assert blocks + END <= limit


def test_without_a_limit_there_is_one_volume() -> None:
    assert len(laid_out([("binary/a", 1 << 40), ("binary/b", 0)], None)) == 1
    with pytest.raises(BundleError, match="too small"):
        laid_out([], SMALLEST - 1)


@pytest.mark.parametrize(
    "path",
    [
        "/etc/passwd",
        "../x",
        "images/../../x",
        "images//x",
        "elsewhere/x",
        "images",
        "images/.hidden",
        "binary/a\\b",
        "./binary/a",
        "",
        ".import.json",
    ],
)
def test_a_volume_writes_nowhere_else(path: str) -> None:
    assert not is_bundle_path(path)
    text = dump(Header(DIGEST, 1, 1, (Span(path, 0, 1, 1, DIGEST),)))
    with pytest.raises(BundleError, match="not to be trusted"):
        parse(text, "here")


@pytest.mark.parametrize(
    "path", ["bundle.yaml", "bundle.yaml.sig", "images/blobs/sha256/aa", "chart/x-1.tgz"]
)
def test_a_bundle_has_these(path: str) -> None:
    assert is_bundle_path(path)


@pytest.mark.parametrize(
    "change",
    [
        {"number": 2},
        {"number": 0},
        {"bundle": "sha256:short"},
        {"spans": [{"path": "binary/a", "offset": 1, "size": 1, "whole": 1, "digest": DIGEST}]},
        {"spans": [{"path": "binary/a", "offset": 0, "size": -1, "whole": 1, "digest": DIGEST}]},
        {"spans": [{"path": "binary/a", "offset": 0, "size": 1, "whole": 1, "digest": "none"}]},
    ],
)
def test_impossible_headers_are_refused(change: dict[str, Any]) -> None:
    data = {"format": 1, "bundle": DIGEST, "number": 1, "volumes": 1, "spans": [], **change}
    with pytest.raises(BundleError, match="not to be trusted"):
        parse(json.dumps(data).encode(), "here")


@pytest.mark.parametrize("text", [b"", b"[]", b"{}", b'{"format": 1}', b"\xff"])
def test_what_is_no_header_is_said_to_be_none(text: bytes) -> None:
    with pytest.raises(BundleError, match="no volume of a bundle"):
        parse(text, "here")


def test_another_format_is_refused() -> None:
    with pytest.raises(BundleError, match="another format"):
        parse(b'{"format": 2}', "here")


def test_names_and_numbers() -> None:
    assert volume_name("site", 3, 12) == "site.03-of-12.tar"
    assert missing_numbers(5, [1, 3, 5]) == "2, 4"
    assert [size_in_bytes(text) for text in ("512", "4G", "700Mi")] == [512, 4 * 10**9, 700 << 20]
    with pytest.raises(ValueError, match="no size"):
        size_in_bytes("4GB")
