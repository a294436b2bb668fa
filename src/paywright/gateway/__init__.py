"""Gateway: how providers are called, and what their answers mean.

Calls   core only
Always  what the network does is a value, never an exception; nothing is sent twice by itself
"""
