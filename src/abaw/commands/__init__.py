"""What the commands in workflow/scripts share: arguments, errors as sentences, reading and writing files.

In: a command line. Out: an exit code, sentences for the user, and the files of a stage. Only this package knows
argparse; it is the edge between the science and the workflow.
"""
