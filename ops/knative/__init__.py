"""Knative's own autoscaling, as arithmetic: what the local runtime does by it, and the simulation of a year."""
