"""What a message that came back means: facts to verdicts, as functions and tables. No database, no keys."""
