"""Scorers by name. Each module offers its kinds in `KINDS`; none imports another."""
