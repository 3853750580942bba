"""Finds campaigns, people, lists and actions by a few letters."""
