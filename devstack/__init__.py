"""The same system on one laptop: a development tool, production is Knative."""
