"""Alerts, dashboards and where they are told, as they are written down: read, made into manifests, and checked."""
