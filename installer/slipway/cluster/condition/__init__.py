"""Whether what runs in the cluster is well, and what it consists of."""
