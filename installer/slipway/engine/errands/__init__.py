"""What is carried out without a plan, one thing each: a bundle into further registries, garbage, a node let go."""
