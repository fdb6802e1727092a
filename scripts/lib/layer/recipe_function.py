"""Calls a function of a recipe without bitbake, and prints what it returns.

usage: recipe_function.py RECIPE FUNCTION [ARGUMENT...]

For functions that need nothing but their arguments: `def NAME(…):` at the start of a line, up to the first line that is
neither empty nor indented, as bitbake reads it.
"""

import os
import re
import sys


def function(recipe, name):
    """The function NAME that the text of RECIPE defines."""
    text = re.search(rf"^def {name}\(.*\n(?:[ \t].*\n|\n)*", recipe, re.MULTILINE)
    if text is None:
        sys.exit(f"no function {name} there")
    scope = {"os": os}
    exec(text.group(0), scope)  # our own recipe, in this checkout
    return scope[name]


if __name__ == "__main__":
    with open(sys.argv[1]) as recipe:
        print(function(recipe.read(), sys.argv[2])(*sys.argv[3:]))
