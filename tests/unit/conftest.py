"""Generated examples take as long as they take: on a busy machine a slow one is no fault of what it examines."""

from hypothesis import HealthCheck, settings

settings.register_profile("unhurried", deadline=None, suppress_health_check=[HealthCheck.too_slow])
settings.load_profile("unhurried")
