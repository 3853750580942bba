"""The versions of a draft: what was written before, who is writing now, and what two people wrote at once."""
