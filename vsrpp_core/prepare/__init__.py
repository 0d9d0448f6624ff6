"""From videos to training pairs.

Apart from ``data``, which reads what this writes. Loads no torch.
May import ``data``, ``video`` and what is below them.
"""
