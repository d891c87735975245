"""Findings to sentences, one module a section. Nothing is computed here: a sentence holds what its finding holds."""
