"""More pages of this package."""
