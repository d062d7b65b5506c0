"""What Slipway itself keeps in the cluster: records, Secrets, ClusterConfigurations, Operations."""
