"""Pages on which templates are written."""
