"""Tells integrators what happened, by signed webhooks."""
