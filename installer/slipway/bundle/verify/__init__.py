"""Whether a bundle is whole and whose it is: bytes, signature, contents, and what differs from another."""
