"""Makes questions.csv: things that somebody may ask, made up from a few phrases."""

import csv, os, random

HERE = os.path.dirname(os.path.abspath(__file__))
rng = random.Random(3)
ASK = ["What is {}?", "How does {} work?", "Why is {} important?", "Tell me about {}.", "What is {} good for?", "Who needs {}?"]
THINGS = """the moon, a bicycle, photosynthesis, a vaccine, gravity, a volcano, money, the internet, sleep, a battery, democracy, rain, bread,
a telescope, the heart, electricity, a library, an earthquake, cheese, a computer, the ocean, honey, a bridge, music, salt, a magnet,
the brain, glass, a train, tea, the wind, paper, a clock, iron, a garden, soap"""
things = [" ".join(thing.split()) for thing in THINGS.split(",")]
rows = [(ask.format(thing), thing) for thing in things for ask in ASK]
rng.shuffle(rows)
with open(f"{HERE}/questions.csv", "w", newline="") as file:
    table = csv.writer(file, lineterminator="\n")
    table.writerow(["id", "question", "thing"])
    table.writerows([index + 1, *row] for index, row in enumerate(rows))
