#!/usr/bin/env python3
"""Learns tokenizer.json from text.txt: byte-pair encoding with the published model's pattern and byte order.

    python3 make-tokenizer.py text.txt 512 > tokenizer.json

256 byte tokens (id = byte), then merges, then four added tokens fill the given number of ids. Deterministic: of equally
frequent pairs the one whose bytes sort first wins. Needs nothing but Python; text.txt must be ASCII, because Python's
re does not know the letter classes of the pattern and ASCII stand-ins are used to learn from.
"""
import collections
import json
import re
import sys

PATTERN = (r"[^\r\n\p{L}\p{N}]?[\p{Lu}\p{Lt}\p{Lm}\p{Lo}\p{M}]*[\p{Ll}\p{Lm}\p{Lo}\p{M}]+(?i:'s|'t|'re|'ve|'m|'ll|'d)?"
           r"|[^\r\n\p{L}\p{N}]?[\p{Lu}\p{Lt}\p{Lm}\p{Lo}\p{M}]+[\p{Ll}\p{Lm}\p{Lo}\p{M}]*(?i:'s|'t|'re|'ve|'m|'ll|'d)?"
           r"|\p{N}{1,3}| ?[^\s\p{L}\p{N}]+[\r\n/]*|\s*[\r\n]+|\s+(?!\S)|\s+")
ADDED = [("<beginning_of_sentence>", True), ("<end_of_sentence>", True), ("<think>", False), ("</think>", False)]


def ascii_pattern():
    """PATTERN with its Unicode classes cut down to what they hold of ASCII."""
    text = PATTERN.replace(r"[\p{Lu}\p{Lt}\p{Lm}\p{Lo}\p{M}]", "[A-Z]").replace(r"[\p{Ll}\p{Lm}\p{Lo}\p{M}]", "[a-z]")
    return re.compile(text.replace(r"\p{L}", "A-Za-z").replace(r"\p{N}{1,3}", "[0-9]{1,3}").replace(r"\p{N}", "0-9"))


def byte_names():
    """The printable stand-in of each byte, as GPT-2 chose them: itself where visible, else from U+0100 on."""
    visible = [*range(0x21, 0x7F), *range(0xA1, 0xAD), *range(0xAE, 0x100)]
    hidden = iter(range(0x100, 0x200))
    return [chr(b) if b in visible else chr(next(hidden)) for b in range(256)]


def learn(text, count):
    """The first `count` merges, as pairs of byte strings."""
    words = collections.Counter(tuple(bytes([b]) for b in piece.encode()) for piece in ascii_pattern().findall(text))
    merges = []
    while len(merges) < count:
        pairs = collections.Counter()
        for word, times in words.items():
            for pair in zip(word, word[1:]):
                pairs[pair] += times
        best = min(pairs, key=lambda pair: (-pairs[pair], pair))
        merges.append(best)
        merged = collections.Counter()
        for word, times in words.items():
            parts, i = [], 0
            while i < len(word):
                joined = word[i:i + 2] == best
                parts.append(word[i] + word[i + 1] if joined else word[i])
                i += 2 if joined else 1
            merged[tuple(parts)] += times
        words = merged
    return merges


def main():
    text = open(sys.argv[1], encoding="ascii").read()
    size = int(sys.argv[2])
    merges = learn(text, size - 256 - len(ADDED))
    names = byte_names()
    spell = lambda token: "".join(names[b] for b in token)
    vocab = {spell(bytes([b])): b for b in range(256)}
    for left, right in merges:
        vocab[spell(left + right)] = len(vocab)
    assert len(vocab) == size - len(ADDED), "two merges spell the same token"
    added = [{"id": len(vocab) + i, "content": content, "single_word": False, "lstrip": False, "rstrip": False,
              "normalized": False, "special": special} for i, (content, special) in enumerate(ADDED)]
    byte_level = {"type": "ByteLevel", "add_prefix_space": False, "trim_offsets": True, "use_regex": False}
    split = {"type": "Split", "pattern": {"Regex": PATTERN}, "behavior": "Isolated", "invert": False}
    tokenizer = {
        "version": "1.0", "truncation": None, "padding": None, "added_tokens": added, "normalizer": None,
        "pre_tokenizer": {"type": "Sequence", "pretokenizers": [split, byte_level]}, "post_processor": None,
        "decoder": byte_level,
        "model": {"type": "BPE", "dropout": None, "unk_token": None, "continuing_subword_prefix": None,
                  "end_of_word_suffix": None, "fuse_unk": False, "byte_fallback": False, "ignore_merges": False,
                  "vocab": vocab, "merges": [[spell(left), spell(right)] for left, right in merges]},
    }
    json.dump(tokenizer, sys.stdout, ensure_ascii=False, indent=0)
    print()


main()
