"""From videos to training pairs: what is asked for, and what happens to one video.

Apart from ``data``, which reads what this writes. Loads no torch.
May import ``data``, ``video`` and what is below them; the job that works through all videos is in ``job``, above this.
"""
