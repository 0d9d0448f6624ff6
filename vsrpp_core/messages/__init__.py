"""Events (what a session says), commands (what it accepts) and the journal that stores events.

The protocol between the core and every front end; plain values, no torch. Imports no other room.
"""
