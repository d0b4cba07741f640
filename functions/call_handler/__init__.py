"""Holds one call at a time: the restaurant's phone on one side, the voice model on the other."""
