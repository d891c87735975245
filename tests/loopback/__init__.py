"""A loopback W&B server for tests (``server.py``), speaking what the official client 0.31 really sends."""

from .server import CERTIFICATE, KEY, Fault, LoopbackServer, Request

__all__ = ["CERTIFICATE", "KEY", "Fault", "LoopbackServer", "Request"]
