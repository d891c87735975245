"""The trainer that a sweep runs: modulation and SNR from constellation diagrams."""
