"""The errors a person is meant to read.

Separate from everything else so that each layer can raise them without importing another layer.
"""


class VsrppError(Exception):
    """Something the user can mend, told in one sentence: what, where (file or key), what to do.

    A front end prints the sentence alone and exits non-zero; it never shows a traceback for it.
    """


class UsageError(VsrppError):
    """A command was called with arguments that cannot work; a front end exits with status 2."""
