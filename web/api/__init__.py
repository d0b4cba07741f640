"""The API under ``/api/v1``: JSON for other programs, on the stores and rules that the pages use.

An operation is declared once (``operations``), beside the function that does it; its route, what it takes and
answers, who may use it and its part of the OpenAPI document all come from there.
"""
