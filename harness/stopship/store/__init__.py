"""Files in and out: strict readers, atomic writers. Never judges."""
