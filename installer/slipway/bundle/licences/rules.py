"""What decides which licences are found, besides the files that are read."""

from functools import cache
from pathlib import Path

from slipway.catalog.shipped import digest_of_files


@cache
def rules_digest() -> str:
    """Digest of the code that reads licences: newer code reads them again."""
    here = Path(__file__).parent
    return digest_of_files([here, here.parent / "make" / "sources"])
