"""Configuration + Catalog + Observed -> Plan. Pure: no I/O, no clock, no randomness."""
