"""Payment runs: approved vendor payments that leave together, by API or as a file for a bank.

Owns    payment_runs, payment_run_reports, payment_run_slots
Calls   payments, iso20022, jobs, idempotency, events
Emits   payment_run.collected, payment_run.released, payment_run.completed, payment_run.canceled,
        payment_run.answered
Always  a payment is in one run at most; a file is the same however often it is taken out; the
        same answer of a bank counts once
"""
