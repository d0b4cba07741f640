"""Looks after what time makes of the data: today the monthly partitions, made before their month begins."""
