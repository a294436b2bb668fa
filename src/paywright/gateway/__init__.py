"""Gateway: how providers are called, and what their answers mean.

Owns    provider_attempts, provider_breakers
Calls   events
Emits   provider.breaker_opened, provider.breaker_half_open, provider.breaker_closed,
        provider.breaker_forced, provider.breaker_released
Always  what the network does is a value, never an exception; a call that may have been carried out
        is on file before it is made; nothing is sent twice but under the same idempotency key
"""
