"""Deletes what a change made stale from a restaurant's cache, and nothing else."""
