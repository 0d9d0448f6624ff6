"""What runs beside the screen: the session, jobs, the follower of a journal, TensorBoard.

The only room that imports the trainer, inside its thread. May import ``forms``, ``state`` and ``terminal``.
"""
