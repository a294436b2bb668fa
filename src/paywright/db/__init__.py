"""PostgreSQL: the pool and the transaction, migrations, and the embedded server.

Nothing outside this package knows the driver.
"""
