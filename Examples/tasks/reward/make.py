"""Makes things.csv: what the model is asked to describe."""

import csv, os, random

HERE = os.path.dirname(os.path.abspath(__file__))
THINGS = """moon, bicycle, vaccine, volcano, money, internet, battery, democracy, rain, bread, telescope, heart, electricity, library,
earthquake, cheese, computer, ocean, honey, bridge, music, salt, magnet, brain, glass, train, tea, wind, paper, clock, iron, garden, soap,
river, mountain, forest, desert, island, lake, cloud, snow, fire, star, planet, comet, rainbow, storm, beach, cave, apple, banana, carrot,
potato, tomato, onion, rice, pasta, pizza, soup, salad, sugar, chocolate, coffee, milk, butter, egg, fish, chicken, dog, cat, horse, cow,
sheep, pig, elephant, lion, tiger, bear, wolf, rabbit, mouse, snake, frog, bee, ant, butterfly, spider, whale, dolphin, shark, eagle, owl,
penguin, tree, flower, grass, rose, leaf, seed, root, car, bus, ship, boat, airplane, rocket, tractor, truck, motorcycle, wheel, engine,
hammer, knife, spoon, fork, plate, cup, bottle, chair, table, bed, door, window, roof, wall, floor, stairs, lamp, candle, mirror, carpet,
pillow, blanket, shirt, shoe, hat, coat, glove, sock, ring, necklace, watch, umbrella, bag, book, pencil, pen, newspaper, letter, stamp,
map, camera, phone, radio, television, piano, guitar, violin, drum, flute, trumpet, school, hospital, museum, theatre, church, castle,
market, bank, hotel, restaurant, kitchen, bathroom, farm, factory, airport, station, street, park, zoo, stadium, doctor, teacher, farmer,
baker, pilot, nurse, painter, lawyer, judge, soldier, king, queen, gold, silver, copper, diamond, coal, oil, wood, plastic, cotton, wool"""
things = " ".join(THINGS.split()).split(", ")
random.Random(3).shuffle(things)
with open(f"{HERE}/things.csv", "w", newline="") as file:
    table = csv.writer(file, lineterminator="\n")
    table.writerow(["id", "thing"])
    table.writerows([index + 1, thing] for index, thing in enumerate(things))
