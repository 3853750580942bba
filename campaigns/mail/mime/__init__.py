"""Parts of a message: attachments, inline images, and how they are nested."""
