"""What adapts during training: loss weights, gradient clipping, learning rate.

Each part is small, holds its own state and knows nothing of the loop around it. All are updated in step order at a
fixed cadence, so their decisions depend on the steps alone and never on when figures were read. May import ``network``
and what is below it.
"""
