"""From findings to what people read; no statistics."""
