"""A local endpoint that a target's SDK is pointed at: it records what models answer, and serves it."""
