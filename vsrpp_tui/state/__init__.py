"""What screens show, as values: pure reducers of events.

Pure, so that a journal gives the same state as the session did. Imports no other room of the application.
"""
