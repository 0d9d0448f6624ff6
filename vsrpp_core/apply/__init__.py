"""What a trained network is for: evaluation, export, and upscaling films in ``upscale``.

Apart from training, which needs none of it. May import ``checkpoint``, ``data``, ``video`` and what is below them.
"""
