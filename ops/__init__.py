"""What an operator runs against production."""
