"""The terminal application: it shows what events say and sends commands; the trainer runs in a thread beside it."""
