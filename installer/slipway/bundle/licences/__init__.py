"""Which licences a bundle's contents have, as SPDX expressions: read from what authors say, never guessed."""
