"""Questions that change nothing: how a site is, what a host has, which images a module needs, what leaves the site."""
