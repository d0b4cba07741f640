"""The side that scales to zero: a module or folder a Knative Service, by ``python -m functions <name>``."""
