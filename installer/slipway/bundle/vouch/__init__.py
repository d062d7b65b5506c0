"""What a publisher's signature of an image says, and whether a configured key made it: bytes in, answer out."""
