"""The pages of the platform's own staff, over all restaurants: ``/admin/…``."""
