"""What is measured: one module per figure, each with `measure()`; `python -m benchmarks` runs them.

Every figure is a median, or a ratio of two things timed in the same run. The machine should have
nothing else to do.
"""
