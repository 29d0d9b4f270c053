"""From a suite to a sealed run and a verdict: the parts that know files, targets and steps."""
