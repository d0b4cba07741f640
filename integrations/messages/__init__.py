"""Who brings text messages."""
