#!/usr/bin/env python3
"""Writes sentences of SST-2 as questions in SQuAD's format, so that a small model has answers to generate.

    sst2-as-questions.py SST2-DIR OUT-DIR [COUNT]     OUT-DIR/sst2.json: the first COUNT sentences of train.txt, 2000 by default

A question's context is a sentence, its answer "great" or "terrible".
"""

import json
import os
import sys

source, target = sys.argv[1:3]
count = int(sys.argv[3]) if len(sys.argv) > 3 else 2000
data = []
for i, line in enumerate(open(os.path.join(source, "train.txt"), encoding="utf-8").read().splitlines()[:count]):
    label, sentence = line.split(" ", 1)
    answer = ["terrible", "great"][int(label)]
    question = {"id": str(i), "question": "Was it great or terrible?", "answers": [{"text": answer, "answer_start": 0}]}
    data.append({"title": "A review", "paragraphs": [{"context": sentence, "qas": [question]}]})
os.makedirs(target, exist_ok=True)
json.dump({"version": "1.1", "data": data}, open(os.path.join(target, "sst2.json"), "w"))
