"""Throttle: a fair share for everyone, counted in one process or in all of them.

Owns    rate_limits
Always  when the shared count cannot be had, each process counts for itself
"""
