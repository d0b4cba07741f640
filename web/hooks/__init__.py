"""What connected services tell us: ``/hooks/<provider>/<connection>``, each believed by its own signature alone."""
