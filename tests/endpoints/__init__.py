"""An endpoint to test against, in a process of its own: two model protocols, and plain JSON."""
