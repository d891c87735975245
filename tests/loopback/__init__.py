"""A loopback W&B server for tests (``server.py``), speaking what the official client 0.31 really sends."""

from .server import KEY, Fault, LoopbackServer, Request

__all__ = ["KEY", "Fault", "LoopbackServer", "Request"]
