"""Who may change things now, and by which account."""
