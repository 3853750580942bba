"""Segments as campaigns use them, and their pages."""
