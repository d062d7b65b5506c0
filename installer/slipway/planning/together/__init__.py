"""What modules of one plan have in common: what they all stand on, and what some of them ask of others."""
