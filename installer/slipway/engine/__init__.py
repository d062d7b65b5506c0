"""Runs a plan: locks, intents, grouping, resume, journal. Decides nothing about what is to be done."""
