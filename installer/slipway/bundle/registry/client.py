"""The site registry's own words (OCI distribution protocol): the only code that speaks them.

Connections are kept and may be used from several threads. What was interrupted goes on where it stopped: an upload
at the byte that the registry has, a download at the byte that is here.
"""

import re
from collections.abc import Callable, Iterator
from http import HTTPStatus
from pathlib import Path
from typing import Any

from slipway.bundle.form.layout import MANIFESTS, OCI_INDEX
from slipway.bundle.registry import answers, resuming
from slipway.bundle.registry.connection import Connection
from slipway.bundle.registry.patience import PATIENCE
from slipway.bundle.registry.refusals import RegistryError, RegistryUnavailable
from slipway.bundle.registry.upload import SMALL, Upload, upload_location
from slipway.digests import digest_of
from slipway.model.codes import RefusalCode
from slipway.smallfiles import LIMIT

__all__ = ["RegistryClient", "RegistryError", "RegistryUnavailable"]

#: A registry needs them to answer with the manifest itself.
ACCEPT = ", ".join(MANIFESTS)
#: Tags that are asked for at once.
PAGE = 1000
#: Pages of one answer: a million tags.
PAGES = 1000


class RegistryClient:
    """One registry and one account. `address`, `outside`: as for a Connection.

    `project`: a path before the names of all repositories, which nobody else has to know.
    """

    def __init__(
        self,
        url: str,
        ca_file: Path | None = None,
        username: str = "",
        password: str = "",
        address: str | None = None,
        pauses: tuple[float, ...] = PATIENCE,
        *,
        outside: bool = False,
        project: str = "",
    ) -> None:
        self._connection = Connection(url, ca_file, username, password, address, pauses, outside=outside)
        self.url = self._connection.url
        self._project = f"{project}/" if project else ""

    def ping(self) -> None:
        """Raise unless the registry is there and accepts the account."""
        self._connection.call("GET", "/v2/")

    def head_manifest(self, repository: str, reference: str) -> str | None:
        """The digest behind a tag or digest; None when it is not there."""
        path = f"/v2/{self._project}{repository}/manifests/{reference}"
        with self._connection.open("HEAD", path, headers={"Accept": ACCEPT}, missing_ok=True) as response:
            return (
                None
                if response.status == HTTPStatus.NOT_FOUND
                else response.headers.get("Docker-Content-Digest", "")
            )

    def get_manifest(self, repository: str, reference: str, most: int = LIMIT) -> tuple[bytes, str]:
        """A manifest's bytes, no more than `most`, and its digest."""
        path = f"/v2/{self._project}{repository}/manifests/{reference}"
        with self._connection.open("GET", path, headers={"Accept": ACCEPT}) as response:
            data = answers.whole(response, self.url, most)
        digest = digest_of(data)
        if reference.startswith("sha256:") and digest != reference:
            raise RegistryError(
                RefusalCode.DIGEST, f"{repository}@{reference} has other contents", where=self.url
            )
        return data, digest

    def put_manifest(self, repository: str, reference: str, data: bytes, media_type: str) -> bool:
        """Store a manifest under a tag or its digest; whether the registry lists it at its subject by itself."""
        path = f"/v2/{self._project}{repository}/manifests/{reference}"
        with self._connection.open("PUT", path, headers={"Content-Type": media_type}, body=data) as response:
            return "OCI-Subject" in response.headers

    def delete_manifest(self, repository: str, digest: str) -> bool:
        """Delete a manifest with all tags that lead to it; False: it was not there."""
        path = f"/v2/{self._project}{repository}/manifests/{digest}"
        with self._connection.open("DELETE", path, missing_ok=True) as response:
            return response.status != HTTPStatus.NOT_FOUND

    def tags(self, repository: str) -> tuple[str, ...]:
        """All tags of a repository; () where there is no such repository."""
        pages = self._pages(f"/v2/{self._project}{repository}/tags/list?n={PAGE}")
        return tuple(tag for page in pages for tag in answers.listed(page, "tags", str, self.url))

    def referrers(self, repository: str, digest: str) -> list[dict[str, Any]] | None:
        """Descriptors of what is about a manifest, as the registry lists it; None: it keeps no such lists.

        Those that keep none say 404; some refuse the question, or answer with something else than an index.
        """
        path = f"/v2/{self._project}{repository}/referrers/{digest}"
        try:
            pages = list(self._pages(path, OCI_INDEX))
        except RegistryError as error:
            if error.code is not RefusalCode.REFUSED:
                raise
            return None
        items = [item for page in pages for item in answers.listed(page, "manifests", dict, self.url)]
        return items if pages else None

    def _pages(self, path: str, media_type: str = "") -> Iterator[dict[str, Any]]:
        """The parts of a long answer; none where the registry does not have it, or not of this type."""
        left = LIMIT
        for _ in range(PAGES):
            with self._connection.open("GET", path, missing_ok=True) as response:
                served = response.headers.get("Content-Type", "").partition(";")[0]
                if response.status == HTTPStatus.NOT_FOUND or (media_type and served != media_type):
                    return
                text = answers.whole(response, self.url, left)
                more = re.match(r'<([^>]+)>;\s*rel="?next', response.headers.get("Link", ""))
            left -= len(text)
            yield answers.object_in(text, self.url)
            if not more:
                return
            path = more[1]
        why = f"after {PAGES} pages there is one more"
        raise RegistryError(RefusalCode.DIGEST, "its answer does not end", where=f"{self.url}{path}", why=why)

    def blob_exists(self, repository: str, digest: str) -> bool:
        """Whether the repository has the blob."""
        with self._connection.open(
            "HEAD", f"/v2/{self._project}{repository}/blobs/{digest}", missing_ok=True
        ) as response:
            return response.status == HTTPStatus.OK

    def mount_blob(self, repository: str, digest: str, home: str) -> bool:
        """Take a blob over from another repository of the registry; False: it has to be uploaded."""
        location = upload_location(
            self._connection, self._project + repository, digest=digest, home=self._project + home
        )
        if location:
            self._connection.call("DELETE", location, missing_ok=True)
        return location is None

    def put_blob(self, repository: str, digest: str, source: Path | bytes) -> None:
        """Upload a blob; the registry checks its digest."""
        place = self._project + repository
        upload = Upload(self._connection, place, digest, upload_location(self._connection, place) or "")
        if isinstance(source, Path) and source.stat().st_size > SMALL:
            upload.large(source)
        else:
            upload.small(source if isinstance(source, bytes) else source.read_bytes())

    def read_blob(self, repository: str, digest: str, most: int = LIMIT) -> bytes:
        """A small blob, no more than `most` bytes, checked."""
        with self._connection.open("GET", f"/v2/{self._project}{repository}/blobs/{digest}") as response:
            data = answers.whole(response, self.url, most)
        self._check(repository, digest, digest_of(data))
        return data

    def get_blob(
        self,
        repository: str,
        digest: str,
        target: Path,
        arrived: Callable[[int], None] = lambda _: None,
        *,
        size: int | None = None,
    ) -> None:
        """A blob into a file that appears only when it is complete and has the digest.

        What an earlier try left beside it is not fetched again. `arrived` gets the numbers of bytes as they come.
        `size`: what it has, where that is known: more is not taken.
        """
        path = f"/v2/{self._project}{repository}/blobs/{digest}"
        found = resuming.download(self._connection, path, target, digest, arrived, size=size)
        self._check(repository, digest, found)

    def close(self) -> None:
        """Close the connections."""
        self._connection.close()

    def _check(self, repository: str, digest: str, found: str) -> None:
        if digest != found:
            raise RegistryError(
                RefusalCode.DIGEST, f"{repository}@{digest} has other contents", where=self.url
            )
