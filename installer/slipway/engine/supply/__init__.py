"""Where the modules of a run come from: the release, and before it what the site's bundle has."""
