"""What is waited for between two releases of a module, and who has to answer before the next one can come."""
