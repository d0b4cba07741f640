"""Stand-ins for what a restaurant connects: servers that speak the provider's public interface, and its failures.

They keep what they got, so that a test or the demo can look. Faults are set by ``POST /-/faults`` with
``{"fault": how many times}``, and what came is read at ``GET /-/seen``; a provider has no such paths.
"""
