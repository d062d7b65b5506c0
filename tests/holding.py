"""A process that takes a cluster's Lease as an operation does, tells how that goes, and holds it until it is ended.

Run as a program: KUBECONFIG NAME SECONDS HOURS. SECONDS is the Lease's life without renewal; HOURS is what this
machine's clock is wrong by, at the one place where the Lease is given the time. Prints a word a line: `waiting`,
`stale` (it waited, so it plans again), `held EPOCH`, `refused HOLDER`, `lost`.
"""

import sys
import time
from datetime import timedelta
from pathlib import Path

from slipway.api import read
from slipway.bundle.site.source import DirectorySource
from slipway.cluster.locks import lease
from slipway.engine.context import Context
from slipway.engine.locking import Locks
from slipway.errors import HeldError, StalePlanError
from slipway.holders import name_of
from slipway.secrets import MappedSecrets
from tests.unit.planning import model


def context(kubeconfig: Path, name: str, state: Path, *hosts: str) -> Context:
    """What the locks ask of an operation on these hosts: who, where, on which cluster."""
    document = model.base()
    document["metadata"]["name"] = name
    items = [{"name": host, "address": f"10.0.0.{number}"} for number, host in enumerate(hosts, start=31)]
    document["spec"]["hosts"]["items"] += [{**item, "roles": ["worker"]} for item in items]
    return Context(
        configuration=read.parse(document),
        catalog=model.catalog(),
        source=DirectorySource(state),
        secrets=MappedSecrets({}),
        state=state,
        kubeconfig=kubeconfig,
    )


def say(text: str) -> None:
    print(text.partition(":")[0], flush=True)


def hold(locks: Locks) -> None:
    with locks:
        say(f"held {locks.epoch}")
        while not locks.lost:
            time.sleep(0.1)
    say("lost")


def main(kubeconfig: str, name: str, seconds: str, hours: str) -> None:
    right = lease.utc_now
    lease.utc_now = lambda: right() + timedelta(hours=float(hours))
    mine = context(Path(kubeconfig), name, Path("/nowhere"))
    while True:
        try:
            return hold(Locks(mine, (), cluster=True, seen={}, note=say, seconds=int(seconds)))
        except StalePlanError:
            say("stale")
        except HeldError as error:
            return say(f"refused {name_of(error.holder)}")


if __name__ == "__main__":
    main(*sys.argv[1:])
