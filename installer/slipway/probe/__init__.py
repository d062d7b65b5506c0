"""Hosts over SSH: what is there, who may change it, and the host keys that say it is the right host.

Called by the engine and the command line. `Fleet` holds one connection per host; `read_hosts`, `locks` and
`fetch_file` each take one round trip on it. The only room that imports paramiko, in `ssh`.
"""

from slipway.probe.access import HostError, Logins
from slipway.probe.fleet import Fleet
from slipway.probe.hosts import fetch_file, read_hosts
from slipway.probe.ssh import SSHSession

__all__ = ["Fleet", "HostError", "Logins", "SSHSession", "fetch_file", "read_hosts"]
