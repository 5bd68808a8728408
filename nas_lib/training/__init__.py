"""Train one network: epochs, schedule, checkpoints; and the processes that do it.

Names are imported from their own modules: those that start and watch processes load no torch,
`nas_lib.training.epoch_trainer` and what it needs do.
"""
