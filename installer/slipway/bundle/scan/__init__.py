"""Which known vulnerabilities a bundle's contents have: by its bill of materials, databases of OSV, and a scanner."""
