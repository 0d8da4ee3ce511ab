"""The core without I/O: no Tornado, no MongoDB, no clock and no randomness of its own.

Imports only the standard library and msgspec; a test holds that.
"""
