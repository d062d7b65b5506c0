"""SPDX expressions: checked, cut, joined."""

from pathlib import Path

import pytest
from hypothesis import given
from hypothesis import strategies as st

from slipway.bundle.licences import golang
from slipway.bundle.licences.expression import all_of, spdx_expression, terms
from slipway.bundle.licences.images import KEY, stated_licence


@pytest.mark.parametrize(
    ("text", "expected"),
    [
        ("mit", "MIT"),
        ("GPL-2.0", "GPL-2.0-only"),
        ("GPL-2.0+ OR AGPL-3.0", "GPL-2.0-or-later OR AGPL-3.0-only"),
        ("GPL-2.0-only WITH Classpath-exception-2.0", "GPL-2.0-only WITH Classpath-exception-2.0"),
        ("GPL-2.0 WITH Classpath-exception-2.0", "GPL-2.0-only WITH Classpath-exception-2.0"),
        ("LicenseRef-Ours", "LicenseRef-Ours"),
        ("Apache 2.0", ""),
        ("MIT AND", ""),
        ("", ""),
    ],
)
def test_checked(text: str, expected: str) -> None:
    assert spdx_expression(text) == expected


@pytest.mark.parametrize(
    ("expression", "expected"),
    [
        ("MIT", ["MIT"]),
        ("MIT AND (ISC AND Zlib)", ["MIT", "ISC", "Zlib"]),
        ("MIT AND (ISC OR Zlib)", ["MIT", "ISC OR Zlib"]),
        ("MIT AND ISC OR Zlib", ["MIT AND ISC OR Zlib"]),
        ("((MIT OR (ISC AND Zlib)))", ["MIT OR (ISC AND Zlib)"]),
        (
            "GPL-2.0-only WITH Classpath-exception-2.0 AND MIT",
            ["GPL-2.0-only WITH Classpath-exception-2.0", "MIT"],
        ),
    ],
)
def test_terms(expression: str, expected: list[str]) -> None:
    assert list(terms(expression)) == expected


@pytest.mark.parametrize(
    ("parts", "expected"),
    [
        ([], ""),
        (["", ""], ""),
        (["MIT OR ISC"], "MIT OR ISC"),
        (["MIT", "ISC AND MIT"], "ISC AND MIT"),
        (["MIT OR ISC", "Zlib"], "(MIT OR ISC) AND Zlib"),
        (["MIT", ""], "LicenseRef-unknown AND MIT"),
    ],
)
def test_all_of(parts: list[str], expected: str) -> None:
    assert all_of(parts) == expected


SOME = st.sampled_from(
    ["", "MIT", "ISC OR Zlib", "Apache-2.0 AND MIT", "(MIT OR ISC) AND Zlib", "LicenseRef-x"]
)


@given(st.lists(SOME), st.randoms())
def test_all_of_depends_on_what_is_there_and_is_an_expression(
    parts: list[str], random: st.random_module
) -> None:
    found = all_of(parts)
    random.shuffle(parts)  # type: ignore[attr-defined]
    assert all_of([*parts, *parts]) == found == spdx_expression(found)
    assert not found or all_of([found]) == found


def test_modules_of_a_program() -> None:
    said = (
        "/cache/helm: go1.26.6\n\tpath\thelm.sh/helm/v4/cmd/helm\n\tmod\tslipway.invalid/helm\t(devel)\n"
        "\tdep\tgithub.com/Masterminds/semver/v3\tv3.4.0\th1:x=\n\tdep\tk8s.io/api\tv0.0.0\n"
        "\t=>\tk8s.io/api\tv0.35.4\th1:y=\n\tbuild\t-trimpath=true\n"
    )
    said += "\tdep\texample.org/shop\tv0.0.0\n\t=>\t../../\t(devel)\n"  # of the tree that was built
    found = golang.linked_modules(said, "slipway.invalid")
    assert found == [("github.com/Masterminds/semver/v3", "v3.4.0"), ("k8s.io/api", "v0.35.4")]
    assert golang.toolchain_version(said) == "1.26.6"
    assert golang.toolchain_version(said.replace("1.26.6", "1.26.6 X:nodwarf5")) == "1.26.6"
    assert golang.module_place(Path("/mod"), *found[0]) == Path(
        "/mod/github.com/!masterminds/semver/v3@v3.4.0"
    )


def test_what_images_state() -> None:
    manifest = f'{{"annotations": {{"{KEY}": "Apache-2.0"}}, "config": {{"digest": "sha256:x"}}}}'.encode()
    labelled = f'{{"config": {{"Labels": {{"{KEY}": "mit"}}}}}}'.encode()
    index = f'{{"manifests": [{{"annotations": {{"{KEY}": "ISC"}}}}, {{"annotations": null}}]}}'.encode()
    for nothing in (
        b"",
        b"\xff",
        b"[]",
        b'{"config": {"Labels": null}, "annotations": 3}',
        b'{"manifests": [1]}',
    ):
        assert stated_licence([nothing]) == ""
        assert stated_licence([nothing, manifest]) == "Apache-2.0"
    assert stated_licence([manifest, labelled, labelled, index]) == "Apache-2.0 AND ISC AND MIT"
    assert stated_licence([manifest.replace(b"Apache-2.0", b"see the web site")]) == ""
