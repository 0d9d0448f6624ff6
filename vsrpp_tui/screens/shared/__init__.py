"""Screens and bases that several rooms use. Imports no other room of screens."""
