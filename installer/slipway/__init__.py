"""Slipway: bare Linux servers to a Kubernetes AI platform that follows its ClusterConfiguration."""

__version__ = "0.1.0"
