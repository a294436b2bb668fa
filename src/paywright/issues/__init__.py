"""Issues: a payment went wrong; decide what to do about it, by machine or by a person.

Owns    issues, decisions, reviews, issue_actions
Calls   reconciliation, payments, customers, rulesets, idempotency, jobs, events
Emits   issue.opened, issue.processing, issue.decided, issue.reviewed, issue.action_requested,
        issue.failed, issue.requeued, issue.cleared
Always  an issue is decided once, reviewed at most once and acted upon at most once, whatever dies
        in between; its decision keeps the rule, the version and the evidence it was made on
"""
