"""Measurements. `make bench` runs `bench.issues`."""
