"""Who is logged in, and how they came to be."""
