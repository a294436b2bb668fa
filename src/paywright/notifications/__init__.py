"""Notifications: messages to people, over channels.

Owns    messages
Calls   events, jobs
Emits   message.sent, message.failed
Always  what a message says is encrypted, and gone once it is delivered
"""
