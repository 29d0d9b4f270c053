"""Frozen data and canonical bytes: no files, no clock, no randomness."""
