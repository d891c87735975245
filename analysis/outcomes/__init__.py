"""What ended each run: the rule replayed, the evidence read, the two brought together."""
