"""Targets: how a case is put to a stack. None of them scores, pairs or files anything."""
