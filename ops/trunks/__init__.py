"""A SIP trunk asked from here, and what is wrong with it in words."""
