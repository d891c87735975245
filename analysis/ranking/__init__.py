"""Which results were best, and which architectures are better: fairly, at equal progress and at equal tries."""
