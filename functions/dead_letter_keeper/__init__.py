"""Keeps the events that a function could not take, with who refused them and why, until they are replayed."""
