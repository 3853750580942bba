"""The pages of saved blocks, and what the document editor asks of them."""
