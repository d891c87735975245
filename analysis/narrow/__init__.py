"""From findings to the next search space: what is dropped, shrunk, extended, and why."""
