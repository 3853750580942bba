"""Lists as campaigns use them."""
