"""Screening: names against lists of sanctioned people, companies and vessels.

Owns    screening_lists, screening_entries, screening_generations, customer_screenings,
        screening_hits, cleared_pairs, screening_progress
Calls   customers, events, jobs
Emits   list.loaded, customer.screened, match.cleared
Always  what matched, how well and in which version of which list is kept
"""
