"""Watches ClusterConfigurations and carries out each change through the same engine."""
