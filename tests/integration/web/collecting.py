"""The admin with ``/collect``, for which its worker's collector goes over all there is."""

from __future__ import annotations

import gc

from flask import Flask

import web


def application() -> Flask:
    made = web.create_app()

    def collect() -> str:
        return str(gc.collect())

    made.add_url_rule("/collect", view_func=collect)
    return made
