"""Calls from INVITE to their last event: who handles them, what happens when nobody does, what is told of them."""
