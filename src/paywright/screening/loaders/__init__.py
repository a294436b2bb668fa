"""Published sanctions lists, in the formats they are published in, read into `Entry`s.

Each reader is a generator: it is given streams and yields an `Entry` or the `Damage` of a row that
cannot be read. `formats.read_list` finds the format by looking and collects what comes.
"""
