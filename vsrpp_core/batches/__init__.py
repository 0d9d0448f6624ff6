"""From the pairs of a dataset to the batches of a training step: order, augmentation, loader processes.

Apart from ``data`` because it needs torch. May import ``data`` and what is below it.
"""
