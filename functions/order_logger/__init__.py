"""Keeps the order log and each day's figures: ``order.confirmed`` in, ``order.logged`` out."""
