"""Keeps a Basic resource for each event of a patient that it hears, so that effects can be counted."""
