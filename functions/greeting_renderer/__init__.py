"""Renders a restaurant's greeting to telephone audio whenever its text or voice may have changed."""
