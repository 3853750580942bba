"""The page on which a rule is put together: its form, with or without script."""
