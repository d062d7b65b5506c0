"""Checks of preflight: what was observed in, findings out. One file per subject."""
