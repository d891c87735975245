"""The parts of ``tools/make_sample.py``."""
