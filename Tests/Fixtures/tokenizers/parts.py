"""Makes parts.json: small tokenizers that together have every part that is read, and what the reference makes of hard texts;
and unicode.json: hashes of what it makes of every scalar.

pip install tokenizers==0.23.3 sentencepiece==0.2.3; python parts.py. Training breaks ties anew each time, so tokenizers and
cases are always made together. The character map is one of SentencePiece's, from a few rules of our own.
"""

import io, json, os, tempfile
import sentencepiece
from sentencepiece import sentencepiece_model_pb2
from tokenizers import AddedToken, NormalizedString, Regex, Tokenizer, decoders, models, normalizers, pre_tokenizers, processors, trainers

HERE = os.path.dirname(os.path.abspath(__file__))
CORPUS = ["The film was great, it was the best film of the year.", "I didn't like the plot; it's TERRIBLE!", "naïve café",
          "def f(x):\n    return x**2", "1234567890 3.14", "東京は日本です。", "Привет, мир", "  two  spaces"] * 3
TEXTS = [
    "", " ", "\n", "Hello world!", "  two  spaces   three ", "tabs\tand\r\n\r\nlines\n\n end", "It's we'll I'M don't DON'T 'tis",
    "1234567890 3.14 ½ Ⅷ ² ٣", "naïve café cafe\u0301 e\u0323\u0301 \u212b ﬁ ß İ Σ", "東京は日本です。hello", "각 \u1100\u1161\u11a8 हिन्दी ก็",
    "Привет, мир! ёж", "👩🏽‍🚀🇩🇪 ❤️ done", "def f(x): return x**2  # ?", "<|t|>user\nhi<|e|>", "a<|b|> b <|b|>", "<s>x</s>", "▁a <0x41>",
    "\x00\x01\x7f\x85\xa0\u2003\u200b\u200d\ufeff\ufffd", "don't do n't . , ! ?", "xxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxx", "ſ K \u06d4\u0600x",
]
GPT4 = r"(?i:'s|'t|'re|'ve|'m|'ll|'d)|[^\r\n\p{L}\p{N}]?\p{L}+|\p{N}{1,3}| ?[^\s\p{L}\p{N}]+[\r\n]*|\s*[\r\n]+|\s+(?!\S)|\s+"
GPT4O = r"[^\r\n\p{L}\p{N}]?[\p{Lu}\p{Lt}\p{Lm}\p{Lo}\p{M}]*[\p{Ll}\p{Lm}\p{Lo}\p{M}]+(?i:'s|'t|'re|'ve|'m|'ll|'d)?|[^\r\n\p{L}\p{N}]?[\p{Lu}\p{Lt}\p{Lm}\p{Lo}\p{M}]+[\p{Ll}\p{Lm}\p{Lo}\p{M}]*(?i:'s|'t|'re|'ve|'m|'ll|'d)?|\p{N}{1,3}| ?[^\s\p{L}\p{N}]+[\r\n/]*|\s*[\r\n]+|\s+(?!\S)|\s+"
POSSESSIVE = r"'(?i:[sdmt]|ll|ve|re)|[^\r\n\p{L}\p{N}]?+\p{L}+|\p{N}{1,3}| ?[^\s\p{L}\p{N}]++[\r\n]*|\s*[\r\n]|\s+(?!\S)|\s+"
SPECIAL = ["<unk>", "<s>", "</s>"]
N, P, D = normalizers, pre_tokenizers, decoders


def charsmap():
    rules = "C0\t41\nE9\t65 301\n65 301\tE9\nFB01\t66 69\n3000\t20\n9\t20\nA\t\n1F469\t78\nFFFD\t\n0600\t31\n"
    with tempfile.NamedTemporaryFile("w", suffix=".tsv") as tsv:
        tsv.write(rules), tsv.flush()
        out = io.BytesIO()
        sentencepiece.SentencePieceTrainer.train(
            sentence_iterator=iter(CORPUS), model_writer=out, model_type="unigram", vocab_size=90, hard_vocab_limit=False,
            normalization_rule_tsv=tsv.name, minloglevel=3)
    model = sentencepiece_model_pb2.ModelProto()
    model.ParseFromString(out.getvalue())
    return model.normalizer_spec.precompiled_charsmap


def bpe(size=300, byte_level=True, **options):
    bytes_too = ["<0x%02X>" % i for i in range(256)] if options.get("byte_fallback") else []
    alphabet = sorted(P.ByteLevel.alphabet()) if byte_level else []
    trainer = trainers.BpeTrainer(vocab_size=size + len(bytes_too), special_tokens=SPECIAL + bytes_too, initial_alphabet=alphabet, limit_alphabet=300 if byte_level else 40, show_progress=False)
    return models.BPE(**options), trainer


def unigram():
    return models.Unigram(), trainers.UnigramTrainer(vocab_size=90, special_tokens=SPECIAL, unk_token="<unk>", show_progress=False)


def word_piece():
    return models.WordPiece(unk_token="<unk>"), trainers.WordPieceTrainer(vocab_size=110, special_tokens=SPECIAL, show_progress=False)


def word_level():
    return models.WordLevel(unk_token="<unk>"), trainers.WordLevelTrainer(vocab_size=60, special_tokens=SPECIAL, show_progress=False)


def split(pattern, behavior="isolated", invert=False, regex=True):
    return P.Split(Regex(pattern) if regex else pattern, behavior, invert)


def make(model, normalizer=None, pre=None, decoder=None, template=None, added=()):
    t = Tokenizer(model[0])
    if normalizer: t.normalizer = normalizer
    if pre: t.pre_tokenizer = pre
    t.train_from_iterator(CORPUS, model[1])
    if isinstance(t.model, models.BPE) and model[0].byte_fallback:
        # Training forgets that the byte tokens are there for what is no token.
        state = json.loads(t.to_str())
        state["model"]["byte_fallback"] = True
        state["added_tokens"] = [token for token in state["added_tokens"] if not token["content"].startswith("<0x")]
        t = Tokenizer.from_str(json.dumps(state))
    if decoder: t.decoder = decoder
    if template: t.post_processor = template
    for token in added: t.add_tokens([token])
    return t


def around(t):
    return processors.TemplateProcessing(single="<s> $A </s>", special_tokens=[("<s>", 1), ("</s>", 2)])


BYTES = P.ByteLevel(add_prefix_space=False, use_regex=False)
TOKENIZERS = {
    "llama3": lambda: make(
        bpe(ignore_merges=True), pre=P.Sequence([split(GPT4), BYTES]), decoder=D.ByteLevel(),
        template=processors.Sequence([processors.ByteLevel(), processors.TemplateProcessing(single="<s> $A", special_tokens=[("<s>", 1)])]),
        added=[AddedToken("<|t|>", special=True, normalized=False), AddedToken("<|e|>", special=True, normalized=False)]),
    "qwen2": lambda: make(
        bpe(), N.NFC(), P.Sequence([split(GPT4.replace("{1,3}", "")), BYTES]), D.ByteLevel(),
        added=[AddedToken("<|b|>", special=True, normalized=False, lstrip=True, rstrip=True)]),
    "smollm": lambda: make(
        bpe(), None, P.Sequence([P.Digits(True), P.ByteLevel(add_prefix_space=False)]), D.ByteLevel(),
        added=[AddedToken("  ", normalized=True)]),
    "gpt4o": lambda: make(bpe(), None, P.Sequence([split(GPT4O), BYTES]), D.ByteLevel()),
    "possessive": lambda: make(bpe(), None, P.Sequence([split(POSSESSIVE), BYTES]), D.ByteLevel()),
    "byte-level-prefix": lambda: make(bpe(), None, P.Sequence([P.Digits(False), P.ByteLevel(add_prefix_space=True)]), D.ByteLevel()),
    "gemma": lambda: make(
        bpe(120, False, unk_token="<unk>", fuse_unk=True, byte_fallback=True), N.Sequence([N.Replace(" ", "▁")]), None,
        D.Sequence([D.Replace("▁", " "), D.ByteFallback(), D.Fuse()])),
    "llama2": lambda: make(
        bpe(120, False, unk_token="<unk>", fuse_unk=True, byte_fallback=True), N.Sequence([N.Prepend("▁"), N.Replace(" ", "▁")]), None,
        D.Sequence([D.Replace("▁", " "), D.ByteFallback(), D.Fuse(), D.Strip(" ", 1, 0)]),
        processors.TemplateProcessing(single="<s> $A", special_tokens=[("<s>", 1)])),
    "mistral": lambda: make(
        bpe(120, False, unk_token="<unk>", byte_fallback=True), None, P.Metaspace("▁", "first", False),
        D.Sequence([D.Replace("▁", " "), D.ByteFallback(), D.Fuse(), D.Strip(" ", 1, 0)]),
        added=[AddedToken("<|t|>", special=True, normalized=False)]),
    "bpe-without-unknown": lambda: make(bpe(90, False), None, P.Whitespace(), None),
    "bpe-unknown": lambda: make(bpe(60, False, unk_token="<unk>"), N.ByteLevel(), P.CharDelimiterSplit("Ġ"), D.ByteLevel()),
    "unigram": lambda: make(
        unigram(), N.Sequence([N.NFKC(), N.Replace(Regex(" {2,}"), " ")]), P.Metaspace("▁", "always", True), D.Metaspace("▁", "always", True)),
    "unigram-map": lambda: make(
        unigram(), N.Sequence([N.Precompiled(charsmap()), N.Strip(False, True), N.Nmt()]), P.Metaspace("▁", "never", True),
        D.Metaspace("▁", "never", True), processors.BertProcessing(("</s>", 2), ("<s>", 1))),
    "bert": lambda: make(
        word_piece(), N.BertNormalizer(), P.BertPreTokenizer(), D.WordPiece(), processors.RobertaProcessing(("</s>", 2), ("<s>", 1)),
        [AddedToken("é", single_word=True, normalized=True)]),
    "bert-cased": lambda: make(
        word_piece(), N.BertNormalizer(clean_text=False, handle_chinese_chars=False, strip_accents=False, lowercase=False),
        P.Sequence([P.WhitespaceSplit(), P.Punctuation("contiguous")]), D.WordPiece(cleanup=False)),
    "accents": lambda: make(word_piece(), N.Sequence([N.NFD(), N.StripAccents(), N.Lowercase()]), P.Punctuation("merged_with_next"), D.WordPiece()),
    "words": lambda: make(word_level(), N.Sequence([N.NFKD(), N.Strip(True, True)]), P.Whitespace(), None),
    "removed": lambda: make(word_level(), None, split(r"\s+|[.,!?]", "removed"), D.Fuse()),
    "previous": lambda: make(word_level(), None, split(" ", "merged_with_previous", regex=False), D.Fuse()),
    "next": lambda: make(word_piece(), None, split(r"[^\S\n]+|(?<=\d)\.", "merged_with_next"), D.Fuse()),
    "inverted": lambda: make(word_piece(), None, split(r"\b\w+?\b|(?<!a)[[:punct:]&&[^']]", "contiguous", True), D.Fuse()),
    "anchors": lambda: make(word_piece(), None, split(r"^a|!$|\AT|.\z|(?i)é+|x{3,}?|(?:ab|a)(?:c|bcd)?|[一-龥ぁ-ん]+|\x41|\u0431", "isolated"), D.Fuse()),
}


def cases(t):
    def one(text):
        ids = t.encode(text).ids
        return {"text": text, "ids": ids, "plain": t.encode(text, add_special_tokens=False).ids,
                "decoded": t.decode(ids, skip_special_tokens=False), "skipped": t.decode(ids)}
    return [one(text) for text in TEXTS]


def fnv(data):
    value = 0xcbf29ce484222325
    for byte in data:
        value = (value ^ byte) * 0x100000001b3 & 0xffffffffffffffff
    return "%016x" % value


SCALARS = [c for c in range(0x110000) if not 0xD800 <= c < 0xE000]
SETS = [r"\p{L}", r"\p{Lu}", r"\p{Ll}", r"\p{Lt}", r"\p{Lm}", r"\p{Lo}", r"\p{M}", r"\p{Mn}", r"\p{N}", r"\p{Nd}", r"\p{P}", r"\p{S}", r"\p{Z}", r"\p{C}",
        r"\s", r"\d", r"\w", r"[\w]", r"\h", r".", r"[[:punct:]]", r"(?i:s)", r"(?i:k)", r"(?i:é)"]


def members(pattern):
    kept = set(map(ord, N.Replace(Regex(pattern), "").normalize_str("".join(map(chr, SCALARS)))))
    return bytes(0 if c in kept else 1 for c in SCALARS)


if __name__ == "__main__":
    out = {}
    for name, tokenizer in TOKENIZERS.items():
        t = Tokenizer.from_str(tokenizer().to_str())
        out[name] = {"tokenizer": json.loads(t.to_str()), "cases": cases(t)}
    with open(f"{HERE}/parts.json", "w") as file:
        json.dump(out, file, separators=(",", ":"), ensure_ascii=False)
        file.write("\n")
    unicode = {}
    for name in ["NFC", "NFD", "NFKC", "NFKD", "Lowercase", "StripAccents", "Nmt", "BertNormalizer"]:
        normalizer = getattr(N, name)()
        unicode[name] = fnv("".join(normalizer.normalize_str("a" + chr(c)) + "\n" for c in SCALARS).encode())
    for pattern in SETS:
        unicode[pattern] = fnv(members(pattern))
    with open(f"{HERE}/unicode.json", "w") as file:
        json.dump(unicode, file, indent=1)
        file.write("\n")
