"""The one exception that is meant for the user."""


class UserError(Exception):
    """A mistake that the user can mend: its text is a sentence that names the file, the value and what was expected."""
