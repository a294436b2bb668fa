"""HTTP and JSON at the edge: parse, call one use-case, render. No decision is made here."""
