"""Risk: how likely a payment is one that should not be made, and why.

Owns    risk_assessments, risk_profiles, risk_exemptions
Calls   customers, events, kyc, rulesets, screening
Emits   risk.exempted, risk.exemption_ended
Always  what was decided is on file with everything it was decided on; a sanctions hit blocks
        whatever rules and exemptions say; what is not known makes a payment `high` at least
"""
