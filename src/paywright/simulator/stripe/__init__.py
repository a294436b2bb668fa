"""A Stripe-shaped provider: as much of Stripe's API as its SDK needs to charge, refund, transfer
and pay out. Each secret key is an account of its own, with its own books.

What a thing looked like at a moment follows from its entry and that moment: nothing is stored that
time alone changes, and a repeated request gets the very bytes of the first answer.
"""
