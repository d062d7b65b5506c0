"""What a run is asked to make of modules: typed, and written down and read back in one place."""
