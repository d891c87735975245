"""Where runs come from, one file each, one interface (``base.py``)."""
