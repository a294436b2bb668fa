"""Rule sets: decision tables as data, checked when they are loaded, replaced without a restart.

Owns    rule_sets, rule_set_activations
Calls   events
Emits   rule_set.loaded, rule_set.activated
Always  a set in force compiles and passes its own examples; a table of which the first match
        decides ends in a default row; an error in a rule is an error, never a rule that did not
        match
"""
