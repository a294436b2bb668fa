"""Incidents and work orders: what the work was for that vendors are paid for.

Owns    incidents
Calls   events
Emits   incident.opened, incident.closed, incident.reopened
Always  an incident that nobody has told of is open; nothing new is paid for a closed one
"""
