"""A Ray cluster of one machine with one CPU, until its standard input ends: prints its address."""

import sys

import ray

found = ray.init(address="local", num_cpus=1, num_gpus=0, include_dashboard=False, log_to_driver=False)
print(found.address_info["gcs_address"], flush=True)
sys.stdin.read()
