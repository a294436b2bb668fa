"""Notifications: messages to people, over channels.

Owns    messages
Calls   events, jobs
Emits   message.sent, message.failed, message.expired
Always  a message is queued exactly when its transaction commits, and sent at least once or not at
        all after its time; what it says is encrypted, and gone once it is delivered

In development without a mail server or an SMS provider, the outbox stands for them: what is
"delivered" there stays readable. Elsewhere a channel that is not configured fails its messages.
"""
