"""What commands print: plans, states, progress, for people and for programs."""
