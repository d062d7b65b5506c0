"""What a bundle is: its manifest, its layouts, its deltas, and how its files lie in a directory or a registry."""
