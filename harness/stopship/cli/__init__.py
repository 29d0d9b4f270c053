"""The command line: asks the machine, prints, exits. Decides nothing."""
