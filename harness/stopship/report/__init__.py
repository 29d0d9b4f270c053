"""One verdict record, many faces. Never computes a number; all text of models and tables is neutralised."""
