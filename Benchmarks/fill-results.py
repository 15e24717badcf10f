#!/usr/bin/env python3
"""Makes the tables and figures of the pages in docs from the results in Benchmarks/results: `make results`.

    Benchmarks/fill-results.py ZEROTH

A page names the command of a table in a comment, and what stands up to the comment `<!-- end -->` is what it prints:

    <!-- zeroth compare Benchmarks/results/methods --by auto --markdown -->
    <!-- end -->

A command with --out writes a figure, of which the page shows the picture itself. A comment may also name a script of Benchmarks. Nothing is read but
the committed results.
"""

import glob, re, shlex, subprocess, sys

tool = sys.argv[1]
place = re.compile(r"(<!-- ((?:zeroth|Benchmarks/[\w-]+\.py) [^\n]*) -->\n)(.*?)(<!-- end -->)", re.S)


def fill(found):
    # A word with a star stands for the folders that it matches.
    words = [w for word in shlex.split(found[2]) for w in (sorted(glob.glob(word)) if "*" in word else [word])]
    done = subprocess.run([tool if words[0] == "zeroth" else words[0], *words[1:]], capture_output=True, text=True)
    if done.returncode != 0:
        sys.exit(f"{found[2]}: {done.stderr.strip()}")
    return found[1] + (found[3] if "--out" in words else done.stdout.strip() + "\n") + found[4]


for path in sorted(glob.glob("docs/**/*.md", recursive=True) + ["README.md"]):
    text = open(path).read()
    filled = place.sub(fill, text)
    if filled != text:
        open(path, "w").write(filled)
        print(path)
