"""Reports: read-only views over payments and approvals, as JSON and CSV.

Owns    no tables; the views `report_…`
Always  amounts of different currencies are never added up; sums are exact, however large; a
        report tells of one moment
"""
