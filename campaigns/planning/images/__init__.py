"""The pages of the image library, and where images are used."""
