"""The CI files, run as the services run them."""
