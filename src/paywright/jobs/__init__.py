"""Jobs: work that is committed with the change that asks for it, and done until it is done or dead.

Owns    pgqueuer pgqueuer_log pgqueuer_schedules pgqueuer_statistics
Calls   events
Emits   job.dead job.requeued
Always  a job is queued exactly when its transaction commits; a killed worker's job is taken over;
        a job is never lost, and never dead because the database was away

A job may be run more than once: its worker may die, or stall for longer than its lease, after the
handler has done its work. Handlers are safe to repeat. A stalled worker cannot end, retry or bury
a job that another has taken over, but its handler may still run beside the other's.
"""

from paywright.jobs.dead_letters import JobNotDead, depth, list_dead
from paywright.jobs.dead_letters import requeue as requeue_dead
from paywright.jobs.model import DeadLetter, Depth, GiveUp, JobRequest, Priority, Run, Task
from paywright.jobs.queue import enqueue, enqueue_all, missing
from paywright.jobs.registry import REGISTRY, Registry, job, schedule

__all__ = [
    "REGISTRY",
    "DeadLetter",
    "Depth",
    "GiveUp",
    "JobNotDead",
    "JobRequest",
    "Priority",
    "Registry",
    "Run",
    "Task",
    "depth",
    "enqueue",
    "enqueue_all",
    "job",
    "list_dead",
    "missing",
    "requeue_dead",
    "schedule",
]
