"""Postgres and Redis behind small repositories: modules of functions that take a connection first."""
