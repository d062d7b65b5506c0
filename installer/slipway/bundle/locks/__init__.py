"""Locks: which images and files of the Internet are meant, by digest, and their way into the cache."""
