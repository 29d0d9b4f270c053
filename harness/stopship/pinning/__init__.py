"""Pinned stacks: from a stack file and what it names to a lock, and back."""
