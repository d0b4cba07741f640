"""Postgres and Valkey as child processes of this one."""
