"""Requests that nobody would send, and what every answer to them has to be."""
