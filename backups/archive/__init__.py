"""Months of orders and calls that have left the database: Parquet on object storage, and the way back."""
