"""A preparation as a job: all videos in parallel, interrupted and resumed, until the dataset is in place.

Apart from the rules for one video, in the folder above, which know nothing of it.
"""
