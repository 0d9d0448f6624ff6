"""From the pairs of a dataset to the batches of a training step: order, augmentation, reading ahead.

Apart from ``data``, which loads no torch."""
