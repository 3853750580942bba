"""Finding a campaign, a person, a list or an action by a few letters."""
