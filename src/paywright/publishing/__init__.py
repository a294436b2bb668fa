"""Publishing: the event log for others, as CloudEvents, pushed to one of them or fetched by many.

Owns    publishing_cursors
Calls   events, jobs
Always  in order, at least once; a slow or broken receiver holds up nobody else
"""
