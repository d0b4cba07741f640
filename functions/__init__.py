"""The side that scales to zero: one folder for each Knative Service, started by ``python -m functions <name>``."""
