"""docs/README.md leads to every page, and every link between pages leads somewhere."""

import re
from pathlib import Path

import pytest

DOCS = Path(__file__).parents[2] / "docs"
PAGES = sorted(DOCS.rglob("*.md"))
LINK = re.compile(r"\]\(([^)#\s]+)")


def links(page: Path) -> set[Path]:
    """The pages and files of this checkout that a page links to."""
    found = (link for link in LINK.findall(page.read_text(encoding="utf-8")) if "://" not in link)
    return {(page.parent / link).resolve() for link in found}


def test_every_page_is_listed() -> None:
    assert {page.relative_to(DOCS) for page in set(PAGES) - links(DOCS / "README.md")} == {Path("README.md")}


@pytest.mark.parametrize(
    "page", [*PAGES, DOCS.parent / "README.md", DOCS.parent / "README.zh-CN.md"], ids=str
)
def test_links_lead_somewhere(page: Path) -> None:
    assert [str(target) for target in links(page) if not target.exists()] == []
