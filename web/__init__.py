"""The admin: what a restaurant's staff see of their calls, orders and menu. ``gunicorn 'web:create_app()'``."""

from web.app import create_app

__all__ = ["create_app"]
