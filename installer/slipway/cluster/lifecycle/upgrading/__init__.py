"""What an upgrade of a module does besides its releases: steps of its own, each recorded, and run once."""
