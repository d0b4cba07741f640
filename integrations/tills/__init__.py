"""Tills: an order in, its cancellation after it."""
