"""What the platform costs: assumptions in one file, the arithmetic over them, and how it is told."""
