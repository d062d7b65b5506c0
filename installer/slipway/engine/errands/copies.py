"""`slipway bundle push --to`: a bundle in registries besides the site's, without a site's configuration.

Each is filled for itself, side by side with the others, and has a receipt of its own; one that fails stops no other.
"""

from collections.abc import Callable, Iterable
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass
from pathlib import Path
from typing import Final
from urllib.parse import urlsplit

from slipway.bundle.registry.accounts import Accounts
from slipway.bundle.registry.client import RegistryClient
from slipway.bundle.registry.secrecy import is_private
from slipway.bundle.site import receipts
from slipway.bundle.site.push import PushReceipt, push
from slipway.bundle.site.stock import DirectoryStock
from slipway.clock import utc_text
from slipway.errors import BundleError, Interrupted, SlipwayError
from slipway.model.bundle import BundleManifest
from slipway.secrets import SecretStore, ensure_key

#: Registries at a time; each gets several blobs at a time.
PARALLEL: Final = 4


@dataclass(frozen=True, slots=True)
class Copied:
    """What was copied into a registry, with the file of its receipt; or why it does not have the bundle."""

    url: str
    pushed: PushReceipt | None = None
    receipt: Path | None = None
    failure: SlipwayError | None = None


@dataclass(frozen=True, slots=True)
class Copies:
    """Where to, as whom. `state`: a directory for receipts, and for the key that signs them."""

    accounts: Accounts
    state: Path
    ca_file: Path | None = None
    tell: Callable[[str], None] = lambda _text: None
    cancelled: Callable[[], bool] = lambda: False

    def make(self, directory: Path, urls: Iterable[str]) -> tuple[Copied, ...]:
        """Copy all that each lacks; in the order of the URLs.

        Raises:
            BundleError: there is no bundle, or a URL is none; nothing was copied.
            Interrupted: it was stopped.
        """
        wanted = tuple(dict.fromkeys(url.rstrip("/") for url in urls))
        for url in wanted:
            if not is_private(url):
                hint = (
                    "https://HOST[:PORT][/PROJECT], without an account in it; http:// to this machine alone"
                )
                raise BundleError("to this URL nothing is pushed", where=url, hint=hint)
        stock, notary = DirectoryStock(directory), notary_of(self.state)
        manifest = stock.bundle().manifest

        def one(url: str) -> Copied:
            try:
                return self._copy(stock, manifest, notary, url)
            except Interrupted:
                raise
            except SlipwayError as failure:
                return Copied(url, failure=failure)

        with ThreadPoolExecutor(PARALLEL, "copy") as pool:
            return tuple(pool.map(one, wanted))

    def _copy(
        self, stock: DirectoryStock, manifest: BundleManifest, notary: receipts.Notary, url: str
    ) -> Copied:
        parts = urlsplit(url)
        account = self.accounts.get(parts.netloc, ("", ""))
        place, project = f"{parts.scheme}://{parts.netloc}", parts.path.strip("/")
        client = RegistryClient(place, self.ca_file, *account, project=project)
        try:
            pushed = push(
                stock,
                client,
                progress=lambda text: self.tell(f"{parts.netloc}: {text}"),
                cancelled=self.cancelled,
            )
        finally:
            client.close()
        at = utc_text()
        written = receipts.receipt_of(manifest, url, pushed, at)
        return Copied(url, pushed, notary.write(self.state, written, receipts.label_of(url)))


def notary_of(state: Path) -> receipts.Notary:
    """Signs receipts where no site does, with a key of its own that is made on first use."""
    return receipts.Notary(ensure_key(SecretStore(state / "secrets")))
