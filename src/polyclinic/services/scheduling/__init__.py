"""Scheduling: who is free when, and who comes: availability from rules, and no time given away twice."""
