"""Two people who are one human, merged: what would be kept (`outlook`), and the merge (`services`)."""
