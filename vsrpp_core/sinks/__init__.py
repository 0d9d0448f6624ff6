"""Who listens to a session: each sink takes every event and writes what it is for."""
