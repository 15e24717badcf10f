"""Makes edge.json: what the reference libraries make of texts at the edges, and of words of 100 KB.

pip install tokenizers==0.23.3 sentencepiece==0.2.3; python edge.py SHARED, where SHARED holds tokenizers/*. The tokenizers of
this folder are those that make.py left. Ids are without special tokens. A long word is given as its unit and count, its ids
as their count, the first and last of them, and sum((i + 1) * id) mod 2^31 - 1.
"""

import json, os, sys
import sentencepiece
from tokenizers import Tokenizer, decoders, models, pre_tokenizers

HERE = os.path.dirname(os.path.abspath(__file__))
TEXTS = [
    "", " ", "\t\n", "1️⃣ #️⃣ *️⃣", "🏴󠁧󠁢󠁥󠁮󠁧󠁿🏳️‍🌈🏳️‍⚧️", "👨🏿‍❤️‍💋‍👨🏻👩‍👩‍👧‍👦", "🇺🇸🇺🇸🇺", "😀" * 7, "☺️☺︎",
    "Z̷̡̛͓͎͔͇͛̐a̸̢l̶͉̈́g̵̮͝o̷̹͝ film", "é vs e\u0301, n\u0303 vs ñ", "\u0301alone \u0301", "กำ กํา น้ำ", "क्षि क्‍ष", "각 각", "ﷺ ﬃ ŉ ǰ ẞ ſ K Å",
    "".join(map(chr, range(32))), "".join(map(chr, range(127, 160))), "a\x00b\x1bc\x7fd", "\u202eabc\u202c \u2066x\u2069 \u00ad-\u2060",
    "\ufe0f\u200d\u20e3", "end\ufeff", "\ud7ff\ue000\ufffe\U0001fffe\U00100000", "“quotes” ‘it’s’ — … «»", "1,234.56€ ١٢٣ １２３ 𝟙𝟚", "𝒇𝒊𝒍𝒎 ｆｉｌｍ ⓕⓘⓛⓜ",
]
LONG = [("film", 25000), ("x", 100000), ("é", 50000), ("👩🏽", 12500), ("e\u0301", 33333), ("1", 100000), ("!?", 50000), ("漢字", 16667), (" ", 100000), ("\n", 100000), ("ab'", 33333)]


def hugging(path):
    t = Tokenizer.from_file(path)
    t.no_truncation(), t.no_padding()
    return lambda text: t.encode(text, add_special_tokens=False).ids


def sentence_piece(path):
    return sentencepiece.SentencePieceProcessor(model_file=path).encode


def gpt2(folder):
    t = Tokenizer(models.BPE.from_file(f"{folder}/vocab.json", f"{folder}/merges.txt"))
    t.pre_tokenizer, t.decoder = pre_tokenizers.ByteLevel(add_prefix_space=False), decoders.ByteLevel()
    t.add_special_tokens(["<s>", "<pad>", "</s>", "<unk>", "<mask>", "<|endoftext|>"])
    return lambda text: t.encode(text, add_special_tokens=False).ids


def long_word(encode, unit, count):
    ids = encode(unit * count)
    checksum = sum((i + 1) * id for i, id in enumerate(ids)) % (2**31 - 1)
    return {"unit": unit, "repeats": count, "count": len(ids), "first": ids[:8], "last": ids[-8:], "checksum": checksum}


shared = sys.argv[1] + "/tokenizers/"
encoders = {
    "byte-level": hugging(f"{HERE}/byte-level/tokenizer.json"),
    "word-piece": hugging(f"{HERE}/word-piece/tokenizer.json"),
    "sentence-piece": sentence_piece(f"{HERE}/sentence-piece/tokenizer.model"),
    "sentence-piece-unk": sentence_piece(f"{HERE}/sentence-piece-unk/tokenizer.model"),
    "tokenizers/imdb-4k": hugging(shared + "imdb-4k/tokenizer.json"),
    "tokenizers/bert-wordpiece": hugging(shared + "bert-wordpiece/tokenizer.json"),
    "tokenizers/opt-roberta": gpt2(shared + "opt-roberta"),
    "tokenizers/tok512-sentencepiece": sentence_piece(shared + "tok512-sentencepiece/tokenizer.model"),
}
out = {
    name: {"texts": [{"text": t, "ids": encode(t)} for t in TEXTS], "words": [long_word(encode, *word) for word in LONG]}
    for name, encode in encoders.items()
}
with open(f"{HERE}/edge.json", "w") as file:
    json.dump(out, file, separators=(",", ":"))
    file.write("\n")
