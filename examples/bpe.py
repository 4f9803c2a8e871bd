"""Byte-pair encoding as the published model does it: its pattern, its byte order, its tokenizer.json.

    merges = learn(collections.Counter(words(text)), 252)
    json.dump(tokenizer_json(merges, [("<think>", False)]), file)
    ids = Encoder(json.load(open("tokenizer.json"))).encode("The code of Oslo is 418.")

Deterministic: of equally frequent pairs the one whose bytes sort first wins. Needs nothing but Python; text must be ASCII,
because Python's re does not know the letter classes of the pattern and ASCII stand-ins are used.
"""
import collections
import re

PATTERN = (r"[^\r\n\p{L}\p{N}]?[\p{Lu}\p{Lt}\p{Lm}\p{Lo}\p{M}]*[\p{Ll}\p{Lm}\p{Lo}\p{M}]+(?i:'s|'t|'re|'ve|'m|'ll|'d)?"
           r"|[^\r\n\p{L}\p{N}]?[\p{Lu}\p{Lt}\p{Lm}\p{Lo}\p{M}]+[\p{Ll}\p{Lm}\p{Lo}\p{M}]*(?i:'s|'t|'re|'ve|'m|'ll|'d)?"
           r"|\p{N}{1,3}| ?[^\s\p{L}\p{N}]+[\r\n/]*|\s*[\r\n]+|\s+(?!\S)|\s+")


def _ascii_pattern():
    """PATTERN with its Unicode classes cut down to what they hold of ASCII."""
    text = PATTERN.replace(r"[\p{Lu}\p{Lt}\p{Lm}\p{Lo}\p{M}]", "[A-Z]").replace(r"[\p{Ll}\p{Lm}\p{Lo}\p{M}]", "[a-z]")
    return re.compile(text.replace(r"\p{L}", "A-Za-z").replace(r"\p{N}{1,3}", "[0-9]{1,3}").replace(r"\p{N}", "0-9"))


_WORD = _ascii_pattern()


def words(text):
    """The pieces of `text` inside which merges may happen."""
    return _WORD.findall(text)


def byte_names():
    """The printable stand-in of each byte, as GPT-2 chose them: itself where visible, else from U+0100 on."""
    visible = [*range(0x21, 0x7F), *range(0xA1, 0xAD), *range(0xAE, 0x100)]
    hidden = iter(range(0x100, 0x200))
    return [chr(b) if b in visible else chr(next(hidden)) for b in range(256)]


def _merge(word, pair):
    parts, i = [], 0
    while i < len(word):
        joined = word[i:i + 2] == pair
        parts.append(word[i] + word[i + 1] if joined else word[i])
        i += 2 if joined else 1
    return tuple(parts)


def learn(counted, count):
    """Up to `count` merges, as pairs of byte strings, from words and how often each occurs."""
    table = collections.Counter()
    for word, times in counted.items():
        table[tuple(bytes([b]) for b in word.encode("ascii"))] += times
    merges = []
    while len(merges) < count:
        pairs = collections.Counter()
        for word, times in table.items():
            for pair in zip(word, word[1:]):
                pairs[pair] += times
        if not pairs:
            break
        best = min(pairs, key=lambda pair: (-pairs[pair], pair))
        merges.append(best)
        merged = collections.Counter()
        for word, times in table.items():
            merged[_merge(word, best)] += times
        table = merged
    return merges


def tokenizer_json(merges, added):
    """The content of tokenizer.json: 256 byte tokens (id = byte), the merges, then `added`, pairs of text and whether special."""
    names = byte_names()
    spell = lambda token: "".join(names[b] for b in token)
    vocab = {spell(bytes([b])): b for b in range(256)}
    for left, right in merges:
        vocab[spell(left + right)] = len(vocab)
    assert len(vocab) == 256 + len(merges), "two merges spell the same token"
    added = [{"id": len(vocab) + i, "content": content, "single_word": False, "lstrip": False, "rstrip": False,
              "normalized": False, "special": special} for i, (content, special) in enumerate(added)]
    byte_level = {"type": "ByteLevel", "add_prefix_space": False, "trim_offsets": True, "use_regex": False}
    split = {"type": "Split", "pattern": {"Regex": PATTERN}, "behavior": "Isolated", "invert": False}
    return {
        "version": "1.0", "truncation": None, "padding": None, "added_tokens": added, "normalizer": None,
        "pre_tokenizer": {"type": "Sequence", "pretokenizers": [split, byte_level]}, "post_processor": None,
        "decoder": byte_level,
        "model": {"type": "BPE", "dropout": None, "unk_token": None, "continuing_subword_prefix": None,
                  "end_of_word_suffix": None, "fuse_unk": False, "byte_fallback": False, "ignore_merges": False,
                  "vocab": vocab, "merges": [[spell(left), spell(right)] for left, right in merges]},
    }


class Encoder:
    """Text to ids with a tokenizer.json of ours; added tokens in the text become their ids."""

    def __init__(self, tokenizer):
        names = {name: bytes([b]) for b, name in enumerate(byte_names())}
        unspell = lambda text: b"".join(names[c] for c in text)
        model = tokenizer["model"]
        self.ids = {unspell(text): number for text, number in model["vocab"].items()}
        self.ranks = {(unspell(left), unspell(right)): rank for rank, (left, right) in enumerate(model["merges"])}
        self.added = {token["content"]: token["id"] for token in tokenizer["added_tokens"]}
        self.find_added = re.compile("(" + "|".join(map(re.escape, self.added)) + ")")
        self.texts = {number: token for token, number in self.ids.items()}
        self.texts.update({number: text.encode() for text, number in self.added.items()})
        self.cache = {}

    def size(self):
        return len(self.texts)

    def _encode_word(self, word):
        ids = self.cache.get(word)
        if ids is None:
            parts = tuple(bytes([b]) for b in word.encode("ascii"))
            while len(parts) > 1:
                best = min(zip(parts, parts[1:]), key=lambda pair: self.ranks.get(pair, len(self.ranks)))
                if best not in self.ranks:
                    break
                parts = _merge(parts, best)
            ids = self.cache[word] = [self.ids[part] for part in parts]
        return ids

    def encode(self, text):
        ids = []
        for piece in self.find_added.split(text):
            if piece in self.added:
                ids.append(self.added[piece])
            else:
                for word in words(piece):
                    ids += self._encode_word(word)
        return ids

    def decode(self, ids):
        return b"".join(self.texts[number] for number in ids).decode()
