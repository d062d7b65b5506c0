"""Objects of any kind by apiVersion and kind, as in YAML: what all rooms but the operator's watch work with.

On top of `transport`: where a kind lives, paging, server-side apply, and a count of writes, which an operation reports.
"""

import threading
from collections.abc import Callable, Iterator, Mapping
from pathlib import Path
from typing import TYPE_CHECKING, Any, Self, TypeVar

from slipway.cluster.rest import kinds, transport
from slipway.cluster.rest.changes import changes_on
from slipway.errors import ConflictError, StepError, TransientError
from slipway.settings import FIELD_MANAGER

if TYPE_CHECKING:
    from kubernetes.client import ApiClient

Object = dict[str, Any]
Objects = list[Object]
Result = TypeVar("Result")

#: Objects of a list fetched at once.
PAGE = 500

#: Seconds without a word after which a watch counts as dead, although somebody keeps the connection open: an API server
#: sends a bookmark every minute.
SILENCE = 130.0

APPLY = "application/apply-patch+yaml"
MERGE = "application/merge-patch+json"
JSON_PATCH = "application/json-patch+json"

_METADATA = "application/json;as=PartialObjectMetadataList;g=meta.k8s.io;v=v1,application/json"


def connect(kubeconfig: Path | None, timeout: tuple[float, float] = transport.TIMEOUT) -> "Client":
    """A client for a kubeconfig; None: the ServiceAccount of the pod this runs in.

    `timeout`: seconds to connect, and to wait for an answer.
    """
    return Client(transport.open_api(kubeconfig), timeout)


class Client:
    """One API server. Threads may share it."""

    def __init__(self, api: "ApiClient", timeout: tuple[float, float] = transport.TIMEOUT) -> None:
        self.api = api
        self._timeout = timeout
        self.writes = 0
        self._lock = threading.Lock()
        self._resources: dict[tuple[str, str], kinds.Resource] = dict(kinds.KNOWN)

    def __enter__(self) -> Self:
        return self

    def __exit__(self, *_: object) -> None:
        self.close()

    def close(self) -> None:
        """Give the connections back."""
        self.api.rest_client.pool_manager.clear()

    def get(self, api_version: str, kind: str, name: str, namespace: str = "") -> Object | None:
        """One object, or None."""
        resource = self.resource(api_version, kind)
        if resource is None:
            return None
        path = kinds.object_path(api_version, resource, namespace, name)
        found: Object | None = self.call("GET", path, missing=None)
        return found

    def list(self, api_version: str, kind: str, namespace: str = "", **selection: Any) -> Objects:
        """All objects of a kind (`labels`, `fields`, `metadata_only`); none when the kind is not known here."""
        return self.list_at(api_version, kind, namespace, **selection)[0]

    def list_at(
        self,
        api_version: str,
        kind: str,
        namespace: str = "",
        *,
        labels: str = "",
        fields: str = "",
        metadata_only: bool = False,
        kept: Callable[[Object], Object | None] = lambda obj: obj,
    ) -> tuple[Objects, str]:
        """The same, and the resourceVersion at which a watch goes on.

        `kept`: what is kept of each object as its page arrives; None: nothing.
        """
        resource = self.resource(api_version, kind)
        if resource is None:
            return [], ""
        path = kinds.object_path(api_version, resource, namespace, "")
        query = {"limit": str(PAGE), "labelSelector": labels, "fieldSelector": fields}
        accept = _METADATA if metadata_only else "application/json"
        items: Objects = []
        while True:
            page = self.call("GET", path, query=query, accept=accept, missing={})
            read = ({**item, "apiVersion": api_version, "kind": kind} for item in page.get("items") or ())
            items += [found for item in read if (found := kept(item)) is not None]
            meta = page.get("metadata", {})
            query["continue"] = meta.get("continue", "")
            if not query["continue"]:
                return items, meta.get("resourceVersion", "")

    def watch(
        self,
        api_version: str,
        kind: str,
        namespace: str = "",
        *,
        since: str,
        seconds: int = 240,
        labels: str = "",
    ) -> Iterator[Object]:
        """Events {type, object}, bookmarks too, until the server ends the stream after `seconds`.

        A version that is too old (410), a broken connection, a peer that is silent, or something that is no event is
        a TransientError: list again.
        """
        opened = self.open_watch(api_version, kind, namespace, since=since, seconds=seconds, labels=labels)
        with opened as answer:
            yield from changes_on(answer)

    def open_watch(
        self,
        api_version: str,
        kind: str,
        namespace: str = "",
        *,
        since: str,
        seconds: int = 240,
        labels: str = "",
    ) -> transport.Answer:
        """The connection of a watch, for who has to break it off from another thread (`shutdown`)."""
        query = {
            "watch": "true",
            "allowWatchBookmarks": "true",
            "resourceVersion": since,
            "timeoutSeconds": str(seconds),
            "labelSelector": labels,
        }
        timeout = (transport.TIMEOUT[0], min(seconds + 10.0, SILENCE))
        path = self._path(api_version, kind, namespace, "")
        answer = transport.send(self.api, "GET", path, query=query, timeout=timeout)
        if answer.status >= transport.REFUSED:
            with answer:
                transport.raise_refusal(answer.status, answer.data(), f"watch {path}")
        return answer

    def create(self, obj: Object) -> Object:
        """Create; an object that is there already is a ConflictError."""
        return self._write("POST", obj, name="")

    def replace(self, obj: Object) -> Object:
        """Replace what stands at the object's resourceVersion; else a ConflictError."""
        return self._write("PUT", obj)

    def apply(
        self,
        obj: Object,
        *,
        manager: str = FIELD_MANAGER,
        force: bool = False,
        dry_run: bool = False,
        strict: bool = True,
    ) -> Object:
        """Server-side apply. Fields of other managers: ConflictError, unless forced.

        `strict`: a field that the server does not know is an error; else it is dropped.
        """
        query = {"fieldManager": manager, "fieldValidation": "Strict" if strict else "Ignore"}
        query |= {"force": "true"} if force else {}
        query |= {"dryRun": "All"} if dry_run else {}
        return self._write("PATCH", obj, query=query, content=APPLY)

    def merge(
        self,
        api_version: str,
        kind: str,
        name: str,
        patch: Mapping[str, Any],
        namespace: str = "",
        *,
        subresource: str = "",
    ) -> Object:
        """JSON merge patch; with metadata.resourceVersion in it, only of that version."""
        path = self._path(api_version, kind, namespace, name, subresource)
        self._count_write()
        changed: Object = self.call(
            "PATCH", path, body=patch, content=MERGE, query={"fieldManager": FIELD_MANAGER}
        )
        return changed

    def patch(self, obj: Object, operations: Objects) -> Object:
        """JSON patch of an object that was read; a ConflictError when somebody changed it since."""
        meta = obj["metadata"]
        path = self._path(obj["apiVersion"], obj["kind"], meta.get("namespace", ""), meta["name"])
        same = {"op": "replace", "path": "/metadata/resourceVersion", "value": meta["resourceVersion"]}
        self._count_write()
        query = {"fieldManager": FIELD_MANAGER}
        changed: Object = self.call("PATCH", path, body=[same, *operations], content=JSON_PATCH, query=query)
        return changed

    def delete(self, api_version: str, kind: str, name: str, namespace: str = "", *, uid: str = "") -> bool:
        """Delete in the background; with a uid, only that very object. False: it was not there."""
        resource = self.resource(api_version, kind)
        if resource is None:
            return False
        options: Object = {"propagationPolicy": "Background"}
        if uid:
            options["preconditions"] = {"uid": uid}
        self._count_write()
        path = kinds.object_path(api_version, resource, namespace, name)
        return bool(self.call("DELETE", path, body=options, missing=None))

    def post(self, path: str, body: Object) -> Object | None:
        """POST to a subresource (an eviction, a token request); None: its object is gone."""
        self._count_write()
        answer: Object | None = self.call("POST", path, body=body, missing=None)
        return answer

    def _count_write(self) -> None:
        with self._lock:
            self.writes += 1

    def version(self) -> str:
        """The server's version, as v1.35.4."""
        return str(self.call("GET", "/version")["gitVersion"])

    def call(
        self,
        method: str,
        path: str,
        *,
        body: Any = None,
        query: Mapping[str, str] | None = None,
        content: str = "application/json",
        accept: str = "application/json",
        **default: Any,
    ) -> Any:
        """One request of any kind. With `missing=VALUE`, VALUE stands for 404."""
        with transport.send(
            self.api,
            method,
            path,
            body=body,
            query=query,
            content=content,
            accept=accept,
            timeout=self._timeout,
        ) as answer:
            data = answer.data()
        if answer.status == transport.NOT_FOUND and "missing" in default:
            return default["missing"]
        transport.raise_refusal(answer.status, data, f"{method} {path}")
        if not _of_kubernetes(data):  # the page of a proxy
            raise TransientError(
                f"the answer is not one of the Kubernetes API: {method} {path}",
                where="kubernetes",
                why=str(data)[:200],
                hint="see what stands between this machine and the API server",
            )
        return data

    def resource(self, api_version: str, kind: str) -> kinds.Resource | None:
        """Where a kind lives; None: this cluster does not know it (asked again next time)."""
        with self._lock:
            known = self._resources.get((api_version, kind))
        return known or self._discovered(api_version).get((api_version, kind))

    def serves(self, api_version: str, kind: str) -> bool:
        """Whether the cluster knows a kind now, whatever it did before."""
        return (api_version, kind) in self._discovered(api_version)

    def _discovered(self, api_version: str) -> dict[tuple[str, str], kinds.Resource]:
        """The kinds of a group's version, kept for later."""
        answer = self.call("GET", kinds.group_path(api_version), missing={})
        listed = answer.get("resources", ())
        apart = {item["name"] for item in listed}
        found = {
            (api_version, item["kind"]): kinds.Resource(
                item["name"], item["namespaced"], f"{item['name']}/status" in apart
            )
            for item in listed
            if "/" not in item["name"]
        }
        with self._lock:
            self._resources |= found
        return found

    def _write(
        self,
        method: str,
        obj: Object,
        *,
        name: str | None = None,
        query: Mapping[str, str] | None = None,
        content: str = "application/json",
    ) -> Object:
        meta = obj["metadata"]
        target = meta["name"] if name is None else name
        path = self._path(obj["apiVersion"], obj["kind"], meta.get("namespace", ""), target)
        self._count_write()
        written: Object = self.call(
            method, path, body=obj, query=query or {"fieldManager": FIELD_MANAGER}, content=content
        )
        return written

    def _path(self, api_version: str, kind: str, namespace: str, name: str, subresource: str = "") -> str:
        resource = self.resource(api_version, kind)
        if resource is None:
            raise StepError(f"this cluster does not know {kind} of {api_version}", where="kubernetes")
        return kinds.object_path(api_version, resource, namespace, name, subresource)


def _of_kubernetes(data: Any) -> bool:
    """Whether an answer is one of the API: an object names its kind, and a list has what it is asked for."""
    if not isinstance(data, dict) or not isinstance(data.get("metadata", {}), dict):
        return False
    return isinstance(data.get("kind"), str) or "gitVersion" in data


def retry_conflicts(change: Callable[[], Result], attempts: int = 5) -> Result:
    """Call `change` (which reads, then writes what it read) again when somebody else was faster."""
    for _ in range(attempts - 1):
        try:
            return change()
        except ConflictError:
            continue
    return change()
