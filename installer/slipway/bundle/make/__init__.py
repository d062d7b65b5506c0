"""Makes the artifacts of a bundle from their sources, or from what a lock names."""
