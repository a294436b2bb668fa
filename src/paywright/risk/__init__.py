"""Risk: how likely a payment is one that should not be made, and why.

Owns    risk_assessments, risk_profiles, risk_exemptions
Calls   customers, kyc, rulesets, screening
Emits   risk.exempted, risk.exemption_ended
Always  what was decided is on file with everything it was decided on
"""
