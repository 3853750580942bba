"""Finding people among a million: the index of texts, sizes that are kept, pages by the last person shown."""
