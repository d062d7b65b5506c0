"""Charts of what is published as a tree of files alone: fetched by Go module or commit, rendered, packed by us."""
