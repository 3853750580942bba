"""Everything about one person: the timeline, and the export of their data."""
