"""What works beside the screen: the session, jobs, the follower of a journal, TensorBoard."""
