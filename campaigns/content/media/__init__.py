"""Images: checked and made anew, kept on the disk or in an S3 bucket, and served to whoever reads an email."""
