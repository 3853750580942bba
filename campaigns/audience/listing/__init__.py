"""Many lists: labels, search and archiving."""
