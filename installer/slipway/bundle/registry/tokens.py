"""Who a client is at one registry: an account with every request, or tokens that the registry's own service gives.

A registry that wants tokens says so by its first refusal, and names the service; each repository has its own token.
"""

import base64
import re
from collections.abc import Mapping
from http import HTTPStatus
from typing import TYPE_CHECKING, Final
from urllib.parse import urlencode

from slipway.bundle.registry import answers, pools
from slipway.bundle.registry.refusals import RegistryError, RegistryUnavailable
from slipway.bundle.registry.secrecy import refuse_in_clear
from slipway.model.codes import RefusalCode

if TYPE_CHECKING:
    import urllib3

#: In the place of a user: the password is an identity token, with which the service alone can do something.
IDENTITY: Final = "<token>"


class Tokens:
    """May be used from several threads. `outside`: as for a Connection; tokens are for pulls alone then."""

    def __init__(
        self, account: tuple[str, str] | None, connections: "urllib3.HTTPConnectionPool", *, outside: bool
    ) -> None:
        self._account, self._connections, self._outside = account, connections, outside
        self._tokens: dict[str, str] = {}

    def headers(self, path: str) -> Mapping[str, str]:
        """For a request to a path."""
        token = self._tokens.get(_repository(path))
        if token:
            return {"Authorization": f"Bearer {token}"}
        named = self._account and self._account[0] != IDENTITY
        return {"Authorization": _basic(*self._account)} if self._account and named else {}

    def fetch(self, path: str, challenge: str) -> None:
        """Get a token for a path, as the registry says (Harbor and others).

        Raises:
            RegistryError: the service gives none, or the account would go to it in the clear.
        """
        fields = _fields(challenge)
        repository = _repository(path)
        query = {"service": fields.get("service", "")}
        actions = "pull" if self._outside else "pull,push"
        query |= {"scope": f"repository:{repository}:{actions}"} if repository else {}
        self._tokens[repository] = self._ask(fields["realm"], query)

    def _ask(self, realm: str, query: Mapping[str, str]) -> str:
        """A token of the realm that the registry names, with the same trust."""
        import urllib3

        user, secret = self._account or ("", "")
        if user:
            refuse_in_clear(realm)
        try:
            with pools.manager_for(self._connections, realm, outside=self._outside) as manager:
                if user == IDENTITY:  # OAuth2, which has the secret in the body
                    grant = {"grant_type": "refresh_token", "client_id": "slipway", "refresh_token": secret}
                    response = manager.request(
                        "POST",
                        realm,
                        body=urlencode({**query, **grant}),
                        headers=_FORM,
                        timeout=pools.READ_SECONDS,
                        redirect=False,
                        preload_content=False,
                    )
                else:
                    headers = {"Authorization": _basic(user, secret)} if user else {}
                    url = f"{realm}?{urlencode(query)}"
                    response = manager.request(
                        "GET",
                        url,
                        headers=headers,
                        timeout=pools.READ_SECONDS,
                        redirect=False,
                        preload_content=False,
                    )
                found = answers.whole(response, realm) if response.status == HTTPStatus.OK else b"{}"
                response.close()
        except (urllib3.exceptions.HTTPError, ValueError) as exc:
            raise RegistryUnavailable(
                RefusalCode.UNREACHABLE, "the token service does not answer", where=realm, why=str(exc)
            ) from exc
        data = answers.object_in(found, realm)
        token = data.get("token") or data.get("access_token") or ""
        if not isinstance(token, str) or not _TOKEN.fullmatch(token):
            why = f"the token service answered {response.status}"
            raise RegistryError(
                RefusalCode.UNAUTHORIZED, "the registry refuses the account", where=realm, why=why
            )
        return token


def wants_token(challenge: str) -> bool:
    """Whether a refusal asks for a token; else the account was refused as it is."""
    return challenge.lower().startswith("bearer") and "realm" in _fields(challenge)


#: What can stand in a header, as RFC 6750 has it; not longer than servers take one.
_TOKEN: Final = re.compile(r"[A-Za-z0-9._~+/=:-]{1,65536}")
_FORM: Final = {"Content-Type": "application/x-www-form-urlencoded"}


def _fields(challenge: str) -> dict[str, str]:
    return dict(re.findall(r'(\w+)="([^"]*)"', challenge))


def _basic(username: str, password: str) -> str:
    """An account as a header's value."""
    return "Basic " + base64.b64encode(f"{username}:{password}".encode()).decode()


def _repository(path: str) -> str:
    found = re.match(r"/v2/(.+?)/(?:manifests|blobs|tags|referrers)/", path)
    return found[1] if found else ""
