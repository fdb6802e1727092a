"""Calls a function of a recipe without bitbake, and prints what it returns.

usage: recipe_function.py RECIPE FUNCTION [ARGUMENT...]

For functions that need nothing but their arguments and each other: `def NAME(…):` at the start of a line, up to the first
line that is neither empty nor indented, as bitbake reads it.
"""

import os
import re
import sys


def functions(recipe):
    """What the text of RECIPE defines with `def`, by name."""
    scope = {"os": os}
    for text in re.findall(r"^def \w+\(.*\n(?:[ \t].*\n|\n)*", recipe, re.MULTILINE):
        exec(text, scope)  # our own recipe, in this checkout
    return scope


if __name__ == "__main__":
    with open(sys.argv[1]) as recipe:
        print(functions(recipe.read())[sys.argv[2]](*sys.argv[3:]))
