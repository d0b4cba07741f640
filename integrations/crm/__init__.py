"""Customer files: who booked, and what has become of it."""
