"""Segments: people who match a rule, which is stored as a tree and asked anew each time."""
