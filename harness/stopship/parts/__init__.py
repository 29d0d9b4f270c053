"""Swappable parts: scorers."""
