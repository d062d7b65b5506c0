"""A bundle on media: numbered volumes, or one stream."""
