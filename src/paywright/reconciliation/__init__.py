"""Reconciliation: our books compared with what a provider says it did.

Owns    reconciliations, reconciliation_items, reconciliation_lines, reconciliation_pairs,
        reconciliation_verdicts
Calls   payments, gateway, jobs, events
Emits   reconciliation.completed, reconciliation.failed
Always  a day that was compared again replaces nothing: each comparison is kept as it was; a
        statement that was not read as a whole finds no differences
"""
