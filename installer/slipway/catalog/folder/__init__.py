"""A module as its author has it: one folder, read, looked over, begun."""
