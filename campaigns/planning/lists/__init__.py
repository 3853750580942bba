"""Lists as campaigns use them: deleted and merged with the campaigns that name them."""
