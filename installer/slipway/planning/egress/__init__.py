"""Who may have sent what left the site, and why: records and the cluster's pods in, an explanation out. Pure."""

from slipway.planning.egress.explain import explain
from slipway.planning.egress.flows import parse_flows

__all__ = ["explain", "parse_flows"]
