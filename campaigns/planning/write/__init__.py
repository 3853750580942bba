"""What the pages that edit an email need besides the form."""
