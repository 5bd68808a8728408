"""Experiments that a search has to stand up to; what came of them is in docs/experiments.md.

Each is `python -m benchmarks.studies.NAME`: it prints a table, writes benchmarks/results/NAME.json,
and goes on where it was stopped (searches lie under runs/studies).
"""
