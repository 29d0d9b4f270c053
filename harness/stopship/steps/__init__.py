"""The steps of a comparison, as pure functions: no files, no clock, no hidden randomness."""
