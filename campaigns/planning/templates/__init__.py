"""Templates as campaigns begin with them, and their pages."""
