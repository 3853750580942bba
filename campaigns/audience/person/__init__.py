"""One person: notes, what was changed about them, and who else they were."""
