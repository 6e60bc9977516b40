"""What the commands in workflow/scripts share: arguments, errors as sentences, files read and written the same way.

In: a command line. Out: exit codes, sentences, and the files of several stages. This is the edge of the package: the
only room that knows argparse.
"""
