"""The conversation with one caller."""
