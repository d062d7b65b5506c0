"""Modules from their first release to their removal, with Helm and without."""
