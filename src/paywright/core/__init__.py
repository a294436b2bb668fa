"""The vocabulary of everything else: money, ids, problems, causes. Imports nothing of ours."""
