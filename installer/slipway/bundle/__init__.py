"""Artifacts from their sources to the site registry: build, bundle, verify, push, and read back through ArtifactSource.

`make.build` makes a bundle directory from the pinned versions; `site.push` copies it into the site registry by digest;
`site.source` is how everyone else gets an artifact, from either. The registry's own host is set up by a role, not here.
"""
