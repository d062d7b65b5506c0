"""Images that charts name: how references are read, where they stand in manifests, and what is wrong with a list."""
