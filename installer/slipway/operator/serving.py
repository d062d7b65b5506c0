"""Approves what kubelets of planned hosts ask to be signed for serving logs, exec and metrics (`planning.serving`).

A reflector tells when somebody asks; one thread looks at all that wait, and again while any does, since a host may be
written into the ClusterConfiguration after its kubelet has asked.
"""

import logging
import math
import threading
import time
from typing import Final

from slipway.api import read
from slipway.cluster.own.configurations import Configurations
from slipway.cluster.rest.client import Client, Object
from slipway.cluster.rest.watch import ChangeKind, Event, Reflector
from slipway.cluster.servingrequests import REQUEST, approve, serving_requests, undecided
from slipway.errors import SlipwayError
from slipway.model.configuration import Configuration
from slipway.planning.serving import objection
from slipway.settings import NAMESPACE

log = logging.getLogger(__name__)

#: Seconds between two looks, however many ask.
BURST_SECONDS: Final = 1.0
#: Seconds between two looks at a request that was not approved.
AGAIN_SECONDS: Final = 30.0


class Approver:
    """Of one process; `halt` ends it."""

    def __init__(self, client: Client, halt: threading.Event) -> None:
        self._client = client
        self._halt = halt
        self._asked = threading.Event()
        self._told: dict[str, str] = {}
        """Objections that were logged, by request."""

    def reflector(self) -> Reflector:
        """Who hears of requests."""
        return Reflector(lambda: self._client, REQUEST, "", self._on_event, kept=_waiting)

    def run(self) -> None:
        """Look whenever somebody asks, and from time to time while somebody waits, until `halt`."""
        again = math.inf
        while not self._halt.is_set():
            if not self._asked.wait(1.0) and time.monotonic() < again:
                continue
            self._asked.clear()
            try:
                left = self.approved_or_told()
            except SlipwayError as error:
                log.info("serving certificates: %s; looking again", error.what)
                left = True
            again = time.monotonic() + AGAIN_SECONDS if left else math.inf
            self._halt.wait(BURST_SECONDS)

    def approved_or_told(self) -> bool:
        """Approve what may be, say once of the rest why not; whether any is left."""
        waiting = list(serving_requests(self._client))
        configuration = self._configuration() if waiting else None
        told: dict[str, str] = {}
        for request, version in waiting:
            why = (
                objection(request, configuration) if configuration else "no ClusterConfiguration names hosts"
            )
            if why:
                told[request.name] = why
                if self._told.get(request.name) != why:
                    log.warning("%s, asked by %s, is not approved: %s", request.name, request.user, why)
                continue
            approve(self._client, request, version)
            log.info("%s approved: serving certificate of %s", request.name, request.common_name)
        self._told = told
        return bool(told)

    def _configuration(self) -> Configuration | None:
        """The one with hosts; one that cannot be read names none."""
        for live in Configurations(self._client, NAMESPACE).list():
            if live.spec.get("hosts"):
                try:
                    return read.parse_spec(live.spec, name=live.name, namespace=live.namespace)
                except SlipwayError:
                    return None
        return None

    def _on_event(self, event: Event) -> None:
        if event.objects and event.kind is not ChangeKind.DELETED:
            self._asked.set()


def _waiting(document: Object) -> Object | None:
    return {"name": document["metadata"]["name"]} if undecided(document) else None
