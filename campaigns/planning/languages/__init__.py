"""A campaign's content in several languages: each person gets their own, everyone else the campaign's."""
