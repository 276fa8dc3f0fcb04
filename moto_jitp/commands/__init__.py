"""The commands of ``moto-jitp``, one module each; what they share is in ``output``.

A command's module imports little at its top, so that ``--help`` is quick; the modules that do the
work are imported when the command runs.
"""
