"""Gateway: how providers are called, and what their answers mean.

Calls   core only
"""
