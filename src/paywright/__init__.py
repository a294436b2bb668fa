"""Paywright: payment operations on PostgreSQL. See ARCHITECTURE.md for how it fits together."""

__version__ = "0.1.0"
