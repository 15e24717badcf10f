"""Makes the data of the two examples, made up from a few phrases: tickets/tickets.csv and short-answers/chats.jsonl."""

import csv, json, os, random

HERE = os.path.dirname(os.path.abspath(__file__))
rng = random.Random(7)

THINGS = {
    "billing": [
        ("Invoice {n}", ["I was charged twice in {month}.", "The amount on it is wrong.", "It was sent to my old address.",
                         "I have paid it and still get reminders.", "The discount is missing."]),
        ("Refund", ["I returned the order in {month} and have no money back.", "When will the refund arrive?",
                    "The refund is {n} euros short."]),
        ("Subscription", ["Please cancel it before {month}.", "The price went up without a word.",
                          "I want to pay by card and not by transfer."]),
        ("Question about my account", ["Why was my bank account debited {n} euros?", "Can I have a receipt for {month}?"]),
    ],
    "it": [
        ("Printer", ["It prints blank pages since {month}.", "It says error {n} and stops.", "It is not found in the network."]),
        ("Laptop", ["It does not start any more.", "The screen flickers since the update in {month}.",
                    "The battery is empty after {n} minutes."]),
        ("Login", ["My password does not work.", "The code by text message never arrives.", "I am locked out since {month}."]),
        ("Question about my account", ["The app crashes when I open it.", "Error {n} when I upload a file."]),
    ],
}
MONTHS = ["January", "March", "May", "June", "August", "October", "November"]
GREETINGS = ["Hello, ", "Good morning. ", "", "", "Dear team, ", "Hi! "]
THANKS = ["", "", " Thank you.", " Please help.", " This is urgent."]

rows = {}
while len(rows) < 240:
    team = rng.choice(list(THINGS))
    subject, texts = rng.choice(THINGS[team])
    fill = {"n": rng.randrange(11, 990), "month": rng.choice(MONTHS)}
    text = rng.choice(GREETINGS) + rng.choice(texts) + rng.choice(THANKS)
    rows[(subject.format(**fill), text.format(**fill))] = team
with open(f"{HERE}/tickets/tickets.csv", "w", newline="") as file:
    table = csv.writer(file, lineterminator="\n")
    table.writerow(["id", "subject", "text", "team"])
    for index, ((subject, text), team) in enumerate(rows.items()):
        table.writerow([index + 1, subject, text, team])

CAPITALS = """France Paris, Italy Rome, Spain Madrid, Germany Berlin, Austria Vienna, Poland Warsaw, Greece Athens, Portugal Lisbon,
Ireland Dublin, Norway Oslo, Sweden Stockholm, Finland Helsinki, Denmark Copenhagen, Hungary Budapest, Belgium Brussels, Egypt Cairo,
Kenya Nairobi, Japan Tokyo, China Beijing, India Delhi, Russia Moscow, Turkey Ankara, Iran Tehran, Iraq Baghdad, Cuba Havana,
Peru Lima, Chile Santiago, Canada Ottawa, Romania Bucharest, Bulgaria Sofia"""
OPPOSITES = """hot cold, big small, fast slow, old young, rich poor, light dark, up down, left right, open closed, happy sad, early late,
full empty, hard soft, high low, long short, near far, strong weak, wet dry, true false, clean dirty, loud quiet, thick thin,
wide narrow, deep shallow, first last, front back, day night, summer winter, buy sell, push pull"""
PLURALS = """mouse mice, child children, foot feet, tooth teeth, man men, woman women, goose geese, knife knives, leaf leaves, wolf wolves,
city cities, baby babies, box boxes, bus buses, dish dishes, hero heroes, potato potatoes, lady ladies, party parties, wife wives,
shelf shelves, thief thieves, life lives, half halves, story stories, fox foxes, church churches, watch watches, class classes, berry berries"""
QUESTIONS = [
    (CAPITALS, ["What is the capital of {}?", "Which city is the capital of {}?"]),
    (OPPOSITES, ["What is the opposite of {}?", "Which word means the opposite of {}?"]),
    (PLURALS, ["What is the plural of {}?", "How do you write {} in the plural?"]),
]
chats = []
for table, forms in QUESTIONS:
    for pair in table.replace("\n", " ").split(","):
        asked, answer = pair.split()
        for form in forms:
            chats.append((form.format(asked), answer, asked))
rng.shuffle(chats)
with open(f"{HERE}/short-answers/chats.jsonl", "w") as file:
    for question, answer, about in chats:
        messages = [{"role": "user", "content": question}, {"role": "assistant", "content": answer}]
        file.write(json.dumps({"about": about, "messages": messages}) + "\n")
