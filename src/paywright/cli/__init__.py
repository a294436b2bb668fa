"""The `paywright` command: one function a command, words for people, `--json` for machines."""
