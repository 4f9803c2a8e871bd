#!/usr/bin/env python3
"""Learns tokenizer.json from text.txt: byte-pair encoding with the published model's pattern and byte order.

    python3 make-tokenizer.py text.txt 512 > tokenizer.json

256 byte tokens (id = byte), then merges, then four added tokens fill the given number of ids.
"""
import collections
import json
import os
import sys

sys.path.insert(0, os.path.join(os.path.dirname(os.path.abspath(__file__)), ".."))
import bpe

ADDED = [("<beginning_of_sentence>", True), ("<end_of_sentence>", True), ("<think>", False), ("</think>", False)]


def main():
    with open(sys.argv[1], encoding="ascii") as file:
        counted = collections.Counter(bpe.words(file.read()))
    count = int(sys.argv[2]) - 256 - len(ADDED)
    merges = bpe.learn(counted, count)
    assert len(merges) == count, f"the text has only {len(merges)} merges, not {count}"
    json.dump(bpe.tokenizer_json(merges, ADDED), sys.stdout, ensure_ascii=False, indent=0)
    print()


main()
