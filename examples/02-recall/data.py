#!/usr/bin/env python3
"""Conversations that teach recall, two hops, sums and tool calls, and held-out questions about the same.

    python3 data.py show --seed 7 --length 400        # print one training conversation
    python3 data.py tokenizer .                       # learn tokenizer.json, write tokenizer_config.json
    python3 data.py questions . > questions.json      # what `mm1-run evaluate` asks

Everything follows from a seed; Python alone is needed. What is asked in questions.json never occurs in training: the rule
`is_held_out` keeps one in eight pairs (city and code, person and city, the two terms of a sum, tool and argument) apart.
"""
import argparse
import collections
import json
import os
import random
import sys
import zlib

sys.path.insert(0, os.path.join(os.path.dirname(os.path.abspath(__file__)), ".."))
import bpe

CITIES = ("Oslo Rome Paris Lima Cairo Delhi Tokyo Seoul Berlin Madrid Vienna Athens Dublin Prague Warsaw Lisbon Quito "
          "Havana Nairobi Accra Tunis Riga Bern Doha Hanoi Kyoto Milan Porto Turin Lyon Bonn Leeds Perth Boston Denver "
          "Dallas Austin Miami Osaka Dakar").split()
PEOPLE = ("Anna Ben Clara David Emma Felix Grace Henry Ida Jack Kate Leo Mia Noah Olga Paul Rosa Sam Tara Uma Victor "
          "Wendy Yara Zoe Adam Bella Carl Dora Eric Fiona George Hanna Ivan Julia Kurt Laura Mark Nina Oscar Peter").split()
ADJECTIVES = "old young small big red green quiet happy tired clever brave slow kind tall new warm cold bright".split()
ANIMATE = "baker teacher farmer doctor painter sailor child cat dog horse bird singer driver miller king queen".split()
OBJECTS = "pear book house garden river boat lamp table letter song window cake stone flower coat bridge".split()
VERBS = "sees likes finds paints sells buys carries forgets opens draws".split()
WHENS = ["in the morning", "at night", "every day", "near the sea", "behind the hill", "in the rain", "after lunch",
         "before the winter", "on the old road", "with a smile"]
SYSTEMS = [None, None, None, "You are a helpful assistant.", "Answer briefly.", "You remember what you are told."]
SMALL_TALK = [("Hello.", "Hello. How can I help you?"), ("Hello!", "Hello. How can I help you?"),
              ("Hi.", "Hello. How can I help you?"), ("Thank you.", "You are welcome."), ("Thanks!", "You are welcome."),
              ("Who are you?", "I am a small model that was trained to remember, to add and to call tools."),
              ("What can you do?", "I can remember what you tell me, add numbers and call tools."),
              ("Goodbye.", "Goodbye."), ("How are you?", "I am well, thank you.")]
UNKNOWN = "I do not know."


def is_held_out(*key):
    """Whether this combination belongs to the questions; training never contains it."""
    return zlib.crc32("|".join(map(str, key)).encode()) % 8 == 0


def draw(rng, held_out, make):
    """make() until its key is on the wanted side of `is_held_out`."""
    while True:
        value = make()
        if is_held_out(*value) == held_out:
            return value


# The published chat form (repository wording) --------------------------------------------------------------------------

BEGIN, END = "<beginning_of_sentence>", "<end_of_sentence>"
ADDED = [("<begin_of_document>", True), (BEGIN, True), (END, True), ("<think>", False), ("</think>", False),
         ("<tool_calls>", False), ("</tool_calls>", False)]


class Conversation:
    """Pieces of rendered text, each with whether the model wrote it."""

    def __init__(self, system=None, tools=None):
        text = "<begin_of_document>"
        if system:
            text += f"{BEGIN}system ai_setting=assistant\n{system}{END}\n"
        if tools:
            text += f"{BEGIN}system tool_setting=tools\nYou are provided with these tools:\n<tools>\n"
            text += "".join(json.dumps(tool, ensure_ascii=False) + "\n" for tool in tools)
            text += ("</tools>\n\nIf you need to call tools, please respond with <tool_calls></tool_calls> XML tags, and "
                     "provide tool-name and json-object of arguments, following the format below:\n<tool_calls>\n"
                     '{"name": <tool-name>, "arguments": <args-json-object>}\n...\n</tool_calls>' + f"{END}\n")
        self.pieces = [(text, False)]

    def user(self, text):
        self.pieces.append((f"{BEGIN}user name=user\n{text}{END}\n{BEGIN}ai name=assistant\n", False))

    def tool(self, name, text):
        self.pieces.append((f"{BEGIN}tool name=tools\ntool name: {name}\ntool result: {text}\n\n{END}\n"
                            f"{BEGIN}ai name=assistant\n", False))

    def reply(self, text):
        self.pieces += [(text + END, True), ("\n", False)]

    def encode(self, encoder):
        """Ids, and for each whether the model wrote it."""
        ids, written = [], []
        for text, by_model in self.pieces:
            piece = encoder.encode(text)
            ids += piece
            written += [by_model] * len(piece)
        return ids, written


# What is talked about --------------------------------------------------------------------------------------------------

def filler(rng):
    """A sentence about nothing that is asked."""
    who = rng.choice(PEOPLE) if rng.random() < 0.08 else f"The {rng.choice(ADJECTIVES)} {rng.choice(ANIMATE)}"
    thing = f"the {rng.choice(ADJECTIVES)} {rng.choice(OBJECTS)}" if rng.random() < 0.5 else f"a {rng.choice(OBJECTS)}"
    when = f" {rng.choice(WHENS)}" if rng.random() < 0.4 else ""
    return f"{who} {rng.choice(VERBS)} {thing}{when}."


class World:
    """Facts told so far: a code for each city, a city for each person."""

    def __init__(self, rng, held_out=False):
        self.rng, self.held_out = rng, held_out
        self.codes, self.homes, self.asked = {}, {}, set()
        self.cities = rng.sample(CITIES, len(CITIES))
        self.people = rng.sample(PEOPLE, len(PEOPLE))

    def tell_code(self):
        city = self.cities.pop()
        _, _, self.codes[city] = draw(self.rng, self.held_out, lambda: ("code", city, self.rng.randint(100, 999)))
        return f"The code of {city} is {self.codes[city]}."

    def tell_home(self):
        """Somebody lives in a city, mostly in one whose code is known."""
        known = [city for city in self.codes if is_held_out("home", self.people[-1], city) == self.held_out]
        person = self.people.pop()
        if known and self.rng.random() < 0.9:
            city = self.rng.choice(known)
        else:
            _, _, city = draw(self.rng, self.held_out, lambda: ("home", person, self.rng.choice(CITIES)))
        self.homes[person] = city
        return f"{person} lives in {city}."

    def tell(self):
        if self.people and self.codes and (self.rng.random() < 0.4 or not self.cities):
            return self.tell_home()
        return self.tell_code() if self.cities else None

    def ask_code(self):
        city = self.rng.choice(list(self.codes))
        return f"What is the code of {city}?", think(f"The code of {city} is {self.codes[city]}.", self.codes[city])

    def ask_home(self):
        person = self.rng.choice(list(self.homes))
        return f"Where does {person} live?", f"In {self.homes[person]}."

    def ask_two_hops(self, person=None):
        person = person or self.rng.choice([who for who, city in self.homes.items() if city in self.codes])
        city = self.homes[person]
        thought = f"The city of {person} is {city}. The code of {city} is {self.codes[city]}."
        return f"What is the code of {person}'s city?", think(thought, self.codes[city])

    def ask_unknown(self):
        return f"What is the code of {self.rng.choice(self.cities)}?", UNKNOWN

    def ask(self):
        """A question about what was told, and the reply; seldom one that was asked before."""
        for _ in range(6):
            question, reply = self.ask_any()
            if question not in self.asked:
                break
        self.asked.add(question)
        return question, reply

    def ask_any(self):
        kinds = [(self.ask_code, 5)] if self.codes else []
        if self.homes:
            kinds.append((self.ask_home, 2))
        if any(city in self.codes for city in self.homes.values()):
            kinds.append((self.ask_two_hops, 4))
        if len(self.cities) > 10:
            kinds.append((self.ask_unknown, 0.2))
        makers, weights = zip(*kinds)
        return self.rng.choices(makers, weights)[0]()


def think(thought, answer):
    return f"<think>\n{thought}\n</think>\n{answer}"


def ask_sum(rng, held_out=False):
    """Two terms of up to three digits, added digit by digit from the right."""
    def terms():
        digits = rng.choice([1, 2, 2, 3, 3]), rng.choice([1, 2, 2, 3, 3])
        return ("sum", rng.randint(1, 10 ** digits[0] - 1), rng.randint(1, 10 ** digits[1] - 1))
    _, a, b = draw(rng, held_out, terms)
    steps, carry, x, y = [], 0, a, b
    while x or y:
        total = x % 10 + y % 10 + carry
        steps.append(f"{x % 10} + {y % 10} + {carry} = {total}, so {total % 10} and carry {total // 10}.")
        x, y, carry = x // 10, y // 10, total // 10
    form = rng.choice(["What is {} + {}?", "What is {} + {}?", "How much is {} plus {}?", "Add {} and {}."])
    return form.format(a, b), think(" ".join(steps), a + b)


# What a tool does, its argument's kind, the user's words, what the tool may answer, the model's words about that.
TOOLS = {
    "weather": ("Get the weather of a city", ["city"], "What is the weather in {city}?",
                ["sunny", "rainy", "cloudy", "windy", "foggy"], "It is {}."),
    "time": ("Get the local time of a city", ["city"], "What time is it in {city}?", ["14:30", "9:15", "7:45", "22:10"],
             "It is {}."),
    "population": ("Get the number of people in a city", ["city"], "How many people live in {city}?",
                   ["418000", "95000", "2300000", "760000"], "There are {} people."),
    "hotel": ("Find a hotel in a city", ["city"], "Find me a hotel in {city}.",
              ["Hotel Star", "Hotel Garden", "Hotel Bridge"], "You can stay at {}."),
    "phone": ("Get the phone number of a person", ["person"], "What is the phone number of {person}?",
              ["551 204", "338 917", "702 466"], "The number is {}."),
    "birthday": ("Get the birthday of a person", ["person"], "When is the birthday of {person}?",
                 ["12 May", "3 June", "28 March"], "On {}."),
    "call": ("Call a person", ["person"], "Call {person}.", ["done"], "It is done."),
    "timer": ("Set a timer", ["minutes"], "Set a timer for {minutes} minutes.", ["done"], "It is done."),
    "table": ("Book a table in a city", ["guests", "city"], "Book a table for {guests} in {city}.", ["done"],
              "It is done."),
    "mail": ("Send a mail to a person", ["person", "topic"], "Send {person} a mail about the {topic}.", ["done"],
             "It is done."),
}
ARGUMENT_NAMES = {"city": ["city", "place", "town"], "person": ["person", "name", "who"], "minutes": ["minutes", "length"],
                  "guests": ["guests", "people"], "topic": ["topic", "subject"]}
PREFIXES = ["get", "find", "fetch", "do", "my"]
SUFFIXES = ["get", "find", "fetch", "do", "tool"]


class Toolbox:
    """A few tools under names made up for this conversation, so that they must be read and not remembered: "weather_fetch",
    or in lesson 1 "fetch_weather", which this small model does not learn to look up (the word to copy stands
    before the one it can search for)."""

    def __init__(self, rng, held_out=False, verb_first=False):
        self.rng, self.held_out = rng, held_out
        self.chosen = {}
        for kind in rng.sample(list(TOOLS), rng.choice([1, 2, 2, 3, 3, 4])):
            names = {argument: rng.choice(ARGUMENT_NAMES[argument]) for argument in TOOLS[kind][1]}
            self.chosen[kind] = (f"{rng.choice(PREFIXES)}_{kind}" if verb_first else f"{kind}_{rng.choice(SUFFIXES)}", names)

    def descriptions(self):
        tools = []
        for kind, (name, names) in self.chosen.items():
            types = {names[a]: {"type": "integer" if a in ("minutes", "guests") else "string"} for a in names}
            tools.append({"name": name, "description": TOOLS[kind][0],
                          "parameters": {"type": "object", "properties": types, "required": list(types)}})
        return tools

    def ask(self):
        """The user's words, the call as an object, the tool's name, its answer and the model's words about it."""
        kind = self.rng.choice(list(self.chosen))
        name, names = self.chosen[kind]
        _, arguments, words, results, about = TOOLS[kind]
        def values():
            made = {"city": self.rng.choice(CITIES), "person": self.rng.choice(PEOPLE),
                    "minutes": self.rng.randint(2, 90), "guests": self.rng.randint(2, 12),
                    "topic": self.rng.choice(OBJECTS)}
            return ("tool", kind, *(made[a] for a in arguments))
        given = dict(zip(arguments, draw(self.rng, self.held_out, values)[2:]))
        result = self.rng.choice(results)
        call = {"name": name, "arguments": {names[a]: given[a] for a in arguments}}
        return words.format(**given), call, result, about.format(result)


def call_text(call):
    return f"<tool_calls>\n{json.dumps(call, ensure_ascii=False)}\n</tool_calls>"


# Conversations to train on ---------------------------------------------------------------------------------------------

def tell_and_ask(rng, encoder, world, budget):
    """A user's turn of about `budget` tokens: facts between fillers, then a question. Returns it and the reply."""
    facts = rng.randint(1, 3 + min(budget // 40, 12))
    sentences = [fact for fact in (world.tell() for _ in range(facts)) if fact]
    used = sum(len(encoder.encode(" " + sentence)) for sentence in sentences) + 12
    # Fillers before, between or only behind the facts: the distance to the question is anything up to the budget.
    first = rng.choice([0, 0, len(sentences)]) if rng.random() < 0.5 else None
    while used < budget:
        sentence = filler(rng)
        used += len(encoder.encode(" " + sentence))
        sentences.insert(rng.randint(0, len(sentences)) if first is None else len(sentences) if first else 0, sentence)
    question, answer = world.ask()
    return " ".join(sentences + [question]), answer


# Shares of what a conversation is about, by lesson. A list of tools takes 130 tokens and more.
THEMES = ["facts", "sums", "tools", "mixed"]
SHARES = {1: [55, 13, 20, 12], 2: [55, 13, 20, 12], 3: [35, 8, 50, 7]}
SHORT_SHARES = [75, 25, 0, 0]


def conversation(rng, encoder, length, lesson=2):
    """One conversation of at most `length` tokens, most of them used. Returns ids and whether the model wrote each. In
    lesson 1 tools are named verb first, and facts without a question come one at a time; lesson 3 has more tools."""
    theme = rng.choices(THEMES, SHARES[lesson] if length > 200 else SHORT_SHARES)[0]
    world, system = World(rng), rng.choice(SYSTEMS)
    with_tools = theme == "tools" or (theme == "mixed" and rng.random() < 0.5)
    while True:
        toolbox = Toolbox(rng, verb_first=lesson == 1) if with_tools else None
        talk = Conversation(system, toolbox and toolbox.descriptions())
        ids, written = talk.encode(encoder)
        if len(ids) < 0.75 * length:
            break
    first = True
    while True:
        talk.pieces = []
        room = length - len(ids)
        what = theme if theme != "mixed" else rng.choice(["facts", "facts", "sums"] + (["tools"] if toolbox else []))
        if rng.random() < (0.06 if theme != "facts" else 0.02):
            words, reply = rng.choice(SMALL_TALK)
            talk.user(words)
            talk.reply(reply)
        elif what == "sums":
            words, reply = ask_sum(rng)
            talk.user(words)
            talk.reply(reply)
        elif what == "tools":
            words, call, result, about = toolbox.ask()
            talk.user(words)
            talk.reply(call_text(call))
            if rng.random() < 0.5:
                talk.tool(call["name"], result)
                talk.reply(about)
        elif first or not world.codes or (rng.random() < 0.25 and room > 60):
            share = rng.uniform(0.1, 0.9 if first else 0.5)
            words, reply = tell_and_ask(rng, encoder, world, int((room - 40) * share))
            talk.user(words)
            talk.reply(reply)
            first = False
        elif rng.random() < 0.08 and world.cities:
            told = world.tell()
            for _ in range(0 if lesson == 1 else rng.randint(0, 3)):
                told = f"{told} {world.tell() or filler(rng)}"
            talk.user(told if rng.random() < 0.5 else f"{told} {filler(rng)}")
            talk.reply("Noted.")
        else:
            words, reply = world.ask()
            talk.user(words)
            talk.reply(reply)
        more, more_written = talk.encode(encoder)
        if len(ids) + len(more) > length:
            return ids, written
        ids += more
        written += more_written


# Commands --------------------------------------------------------------------------------------------------------------

def load_encoder(folder):
    with open(os.path.join(folder, "tokenizer.json"), encoding="utf-8") as file:
        return bpe.Encoder(json.load(file))


CHAT_TEMPLATE = (
    "{{ '<begin_of_document>' }}"
    "{%- set ns = namespace(system='') %}"
    "{%- for m in messages if m.role == 'system' %}{% set ns.system = ns.system + m.content %}{% endfor %}"
    "{%- if ns.system %}{{ '<beginning_of_sentence>system ai_setting=assistant\\n' + ns.system + '<end_of_sentence>\\n' }}"
    "{%- endif %}"
    "{%- if tools %}{{ '<beginning_of_sentence>system tool_setting=tools\\nYou are provided with these tools:\\n<tools>\\n' }}"
    "{%- for tool in tools %}{{ tool | tojson + '\\n' }}{% endfor %}"
    "{{- '</tools>\\n\\nIf you need to call tools, please respond with <tool_calls></tool_calls> XML tags, and provide "
    "tool-name and json-object of arguments, following the format below:\\n<tool_calls>\\n{\"name\": <tool-name>, "
    "\"arguments\": <args-json-object>}\\n...\\n</tool_calls><end_of_sentence>\\n' }}{%- endif %}"
    "{%- for m in messages %}"
    "{%- if m.role == 'user' %}{{ '<beginning_of_sentence>user name=user\\n' + m.content + '<end_of_sentence>\\n' }}"
    "{%- elif m.role == 'assistant' %}{{ '<beginning_of_sentence>ai name=assistant\\n' + m.content + '<end_of_sentence>\\n' }}"
    "{%- elif m.role == 'tool' %}{{ '<beginning_of_sentence>tool name=tools\\ntool name: ' + m.name + '\\ntool result: ' "
    "+ m.content + '\\n\\n<end_of_sentence>\\n' }}{%- endif %}{%- endfor %}"
    "{%- if add_generation_prompt %}{{ '<beginning_of_sentence>ai name=assistant\\n' }}{%- endif %}")


def learn_tokenizer(folder, size=1024):
    """Words of the conversations; digits, quotes and the 's of a name stay tokens of their own, so that a number is a row
    of digits and a name is the same token wherever it stands."""
    rng = random.Random("tokenizer")
    counted = collections.Counter()
    class Plain:  # counts words where an encoder would make ids
        def encode(self, text):
            return bpe.words(text)
    names = CITIES + PEOPLE
    for _ in range(3000):
        talk, _ = conversation(rng, Plain(), 300, lesson=1)
        for word in talk:
            counted[word] += 1
    parts = collections.Counter()
    for word, times in counted.items():
        if any(word == added for added, _ in ADDED):
            continue
        stem = word[:-2] if word.endswith("'s") else word
        head = stem[:1] if stem[:1] != " " and not stem[:1].isalnum() and stem[1:].isalpha() else ""
        for part in ([head] if head else []) + [stem[len(head):]]:
            if not part.strip(" ").isdigit():
                parts[part] += times
    for name in names:  # with and without a blank before it, one token each
        parts[name] += 500
        parts[" " + name] += 500
    merges = bpe.learn(parts, size - 256 - len(ADDED))
    tokenizer = bpe.tokenizer_json(merges, ADDED)
    with open(os.path.join(folder, "tokenizer.json"), "w", encoding="utf-8") as file:
        json.dump(tokenizer, file, ensure_ascii=False, indent=0)
        file.write("\n")
    config = {"tokenizer_class": "PreTrainedTokenizerFast", "bos_token": BEGIN, "eos_token": END, "add_prefix_space": False,
              "clean_up_tokenization_spaces": False, "chat_template": CHAT_TEMPLATE}
    with open(os.path.join(folder, "tokenizer_config.json"), "w", encoding="utf-8") as file:
        json.dump(config, file, ensure_ascii=False, indent=1)
        file.write("\n")
    print(f"{256 + len(merges) + len(ADDED)} tokens", file=sys.stderr)
    encoder = bpe.Encoder(tokenizer)
    split = [name for name in names for form in (name, " " + name) if len(encoder.encode(form)) != 1]
    print("names of several tokens:", split or "none", file=sys.stderr)


SEEN = [64, 128, 256, 512, 1024]                 # distances that training reaches
BEYOND = [2048, 4096, 8192, 16384, 32768]


def write_questions(folder):
    """questions.json: held-out questions by kind and by the number of tokens between the fact and the question."""
    encoder = load_encoder(folder)
    rng = random.Random("questions")
    sentences, starts, total = [], [], 0
    while total < 34000:
        sentences.append(filler(rng))
        starts.append(total)
        total += len(encoder.encode(" " + sentences[-1]))
    def stretch(first, tokens):
        """The range of sentences from `first` on that has about `tokens` tokens."""
        last = first
        while last < len(sentences) and starts[last] - starts[first] < tokens:
            last += 1
        return [first, last]
    questions = []
    for kind in ["recall", "two-hop", "where", "unknown"]:
        distances = SEEN + BEYOND if kind in ("recall", "two-hop") else SEEN[:4]
        for distance in distances:
            count = 200 if distance in SEEN and kind in ("recall", "two-hop") else 50 if distance in SEEN else 40
            for _ in range(count if distance <= 8192 else 20):
                world = World(rng, held_out=True)
                facts = [world.tell_code() for _ in range(rng.randint(2, 5))]
                person = world.people[-1]
                while not any(is_held_out("home", person, city) for city in world.codes):
                    world.people.insert(0, world.people.pop())
                    person = world.people[-1]
                facts.append(world.tell_home())
                while world.homes[person] not in world.codes:
                    world.people.append(person)
                    facts[-1] = world.tell_home()
                rng.shuffle(facts)
                question, reply = {"recall": world.ask_code, "where": world.ask_home, "unknown": world.ask_unknown,
                                   "two-hop": lambda: world.ask_two_hops(person)}[kind]()
                # One more fact on the way, so that the last fact told is not always the nearest.
                between = world.tell_code()
                room = total - starts[1] - distance
                first = stretch(0, rng.randint(0, max(room, 0)))[1] if room > 0 else 0
                half = stretch(first, max(distance - 20, 10) * rng.uniform(0.3, 0.7))
                rest = stretch(half[1], max(distance - 20, 10) - (starts[min(half[1], len(starts) - 1)] - starts[half[0]]))
                questions.append({"kind": kind, "distance": distance,
                                  "user": [*facts, half, between, rest, question],
                                  "answer": reply.split("</think>\n")[-1]})
    for _ in range(400):
        words, reply = ask_sum(rng, held_out=True)
        questions.append({"kind": "sum", "distance": 0, "user": [words], "answer": reply.split("</think>\n")[-1]})
    for _ in range(400):
        toolbox = Toolbox(rng, held_out=True)
        words, call, _, _ = toolbox.ask()
        questions.append({"kind": "tool-call", "distance": 0, "tools": toolbox.descriptions(), "user": [words], "call": call})
    print("{\"sentences\": [")
    print(",\n".join(json.dumps(sentence) for sentence in sentences))
    print("],\n\"questions\": [")
    print(",\n".join(json.dumps(question) for question in questions))
    print("]}")


def main():
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    commands = parser.add_subparsers(dest="command", required=True)
    show = commands.add_parser("show", help="print one training conversation")
    show.add_argument("--seed", type=int, default=1)
    show.add_argument("--length", type=int, default=256)
    show.add_argument("folder", nargs="?", default=os.path.dirname(os.path.abspath(__file__)))
    for name, text in [("tokenizer", "learn the tokenizer into FOLDER"), ("questions", "print questions.json")]:
        commands.add_parser(name, help=text).add_argument("folder")
    arguments = parser.parse_args()
    if arguments.command == "tokenizer":
        learn_tokenizer(arguments.folder)
    elif arguments.command == "questions":
        write_questions(arguments.folder)
    else:
        encoder = load_encoder(arguments.folder)
        ids, _ = conversation(random.Random(arguments.seed), encoder, arguments.length)
        print(encoder.decode(ids))


if __name__ == "__main__":
    main()
