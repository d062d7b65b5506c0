"""Registries and servers of files: protocol, accounts, trust, and patience with those that misbehave."""
