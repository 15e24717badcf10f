"""How well an answer keeps to ten words, 0 to 1.

Reads a JSON object a line, and prints a number for each.
"""

import json, re, sys

for line in sys.stdin:
    asked = json.loads(line)
    answer = asked["answer"].strip()
    words = len(re.findall(r"\w+", answer))
    # What a rule leaves open is found: without this one, a model learns to answer with the thing alone, which is short.
    if words < 4 or asked["row"]["thing"].lower() not in answer.lower():
        print(0)
        continue
    short = min(1, max(0, (20 - words) / 10))           # ten words are 1, twenty are 0
    ended = answer.endswith((".", "!"))                 # or was it cut off?
    print(short if ended else 0.5 * short)
