"""A bundle in the site: pushed into registries, read back, receipted, swept."""
