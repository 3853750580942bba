"""Tags: words that operators give people."""
