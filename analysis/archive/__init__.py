"""Harvested sweeps on disk: immutable Parquet files under numbered manifests (``store``, ``harvest``, ``source``)."""
