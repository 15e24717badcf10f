"""How easy an answer is to read, 0 to 1: short words, short sentences, and something said at all.

Reads a JSON object a line, and prints a number for each.
"""

import json, re, sys

for line in sys.stdin:
    answer = json.loads(line)["answer"]
    words = re.findall(r"[A-Za-z']+", answer)
    sentences = max(1, len(re.findall(r"[.!?]+", answer)))
    if len(words) < 4:
        print(0)
        continue
    letters = sum(map(len, words)) / len(words)         # 4 or fewer are easy, 7 or more are not
    length = len(words) / sentences                     # so are 6 words of a sentence, and 24
    print(0.5 * min(1, max(0, (7 - letters) / 3)) + 0.5 * min(1, max(0, (24 - length) / 18)))
