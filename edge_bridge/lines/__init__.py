"""The phone lines: which there are, what they say first, and their registrations at the trunks."""
