"""A day or a year of many restaurants' calls, by Knative's own autoscaling arithmetic: pods, nodes, waits, euros."""
