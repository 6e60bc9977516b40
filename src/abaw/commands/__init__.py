"""What the commands in workflow/scripts share: their arguments, errors as sentences, and how they read and write files.

In: a command line. Out: an exit code, sentences for the user, and the files of a stage. Only this package knows
argparse; it is the edge between the science and the workflow.
"""
