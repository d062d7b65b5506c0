"""spec.hosts: one file for each matter of a host's settings."""
