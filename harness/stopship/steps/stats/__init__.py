"""The statistics of the gate. Arrays in, numbers out; knows nothing of rules or files."""
