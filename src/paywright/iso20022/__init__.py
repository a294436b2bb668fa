"""Messages of ISO 20022: payment files for a bank, and what it answers. Pure.

Owns    no tables
Always  what is written is valid by the schema of its version; what is read may come from anybody
"""
