"""Models over HTTP, for trying them out: a page for people, and the Open Inference Protocol."""

from nas_lib.serving.app import application
from nas_lib.serving.server import address_of, listening, server_of

__all__ = ["address_of", "application", "listening", "server_of"]
