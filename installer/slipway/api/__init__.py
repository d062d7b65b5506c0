"""The ClusterConfiguration from YAML or the cluster to a validated, resolved `Configuration`, and its CRD."""
