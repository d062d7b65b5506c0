"""Values that charts know: read out of their files, kept in locks, and compared with what somebody gives them."""
