"""Measurements. `make bench` runs `bench.issues`, `make bench-ledger` runs `bench.ledger`."""
