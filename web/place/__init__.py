"""A restaurant's own pages, under ``/place/<its id>/``."""
