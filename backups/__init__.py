"""Backups of the database: taken, sealed, kept on object storage, tried by restoring, and restored."""
