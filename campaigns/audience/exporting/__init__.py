"""Exports: which columns, in which format, and the files of large ones."""
