"""What the trainer says (events), what it obeys (commands) and how both are kept (journal)."""
