"""Stripe: charges by PaymentIntent, refunds, and payouts to connected accounts.

`adapter` is the `Provider`; `client` is its line, the SDK over our HTTP client; `answers` and
`signature` are pure: what comes back means, and who sent a webhook.
"""
