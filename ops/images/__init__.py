"""The images, made without Docker: the same trees from the same Dockerfile, measured and started.

A stand-in for ``docker build`` where no image can be built, and quicker where one can. What it can't tell: whether the
base image works and what it weighs. Everything that the Dockerfile adds to the base is here.
"""
