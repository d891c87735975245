"""A sweep file, run without a server: sampled, stopped and recorded as W&B would."""
