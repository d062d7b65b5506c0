"""Plain typed data: Configuration, Observed, Plan, Record. No behaviour, no I/O."""
