"""What can be wrong with a backup, its place, or where it is to go."""


class BackupError(RuntimeError):
    """No backup was taken, or none restored. The message says why, and what to do."""
