"""Sweeps whose truth is known, and how often the report is right about them (`make bench-truth`)."""
