"""Makes the tiny tokenizers of this folder and cases.json: what the reference libraries make of hard texts.

pip install tokenizers==0.23.3 sentencepiece==0.2.3; python make.py [SHARED], where SHARED holds tokenizers/*; its
cases are kept under their names and the others under the names of the folders here. Training breaks ties anew each time,
so tokenizers and cases are always made together.
"""

import io, json, os, sys
import sentencepiece
from tokenizers import AddedToken, Tokenizer, decoders, models, normalizers, pre_tokenizers, processors, trainers

HERE = os.path.dirname(os.path.abspath(__file__))
CORPUS = ["The film was great, it was the best film of the year.", "I didn't like the plot; it's terrible!", "naïve café"] * 9
TEXTS = [
    "", " ", "\n", "The film wasn't great.", "  two  spaces\t\ttabs \n\n lines  ", "'s't're'vex'LL ''", "x" * 101, "filmfilm" * 9,
    "👩🏽‍🚀🇩🇪👨‍👩‍👧 ❤️", "e\u0301\u0323\u0301 ạ̈ Ǻ ﬁ İ ΣΑΣ ß", "\x00\x01\x07\x7f\x85\xa0\u2028\u200b\u200d\ufeff\ufffd\uffff", "한국어 東京ひらがな ก็ हिन्दी",
    "٣٤ ½ Ⅷ ² 1st", "</s> <s>film</s><mask>x [SEP][MASK] film", "▁the▁film <0x41>", "\U0010ffff\U000e0001\ue000\u0378", "a\r\nb\x0bc\x0cd",
    "film  <x> é", "don't do n't . , ! ?", "\u166d\u1734\u1885\ua9bd\u2e4e\u1dfb",
]


def byte_level(name):
    t = Tokenizer(models.BPE())
    t.pre_tokenizer, t.decoder = pre_tokenizers.ByteLevel(add_prefix_space=True), decoders.ByteLevel()
    t.train_from_iterator(CORPUS, trainers.BpeTrainer(
        vocab_size=300, special_tokens=["<s>", "<pad>", "</s>"], initial_alphabet=sorted(pre_tokenizers.ByteLevel.alphabet()), show_progress=False))
    t.add_special_tokens([AddedToken("<mask>", lstrip=True)])
    t.add_tokens([AddedToken("<x>", rstrip=True, normalized=True), AddedToken("ilm", single_word=True, normalized=False)])
    t.post_processor = processors.RobertaProcessing(("</s>", 2), ("<s>", 0))
    return t


def word_piece(name):
    t = Tokenizer(models.WordPiece(unk_token="[UNK]"))
    t.normalizer, t.pre_tokenizer, t.decoder = normalizers.BertNormalizer(), pre_tokenizers.BertPreTokenizer(), decoders.WordPiece()
    t.train_from_iterator(CORPUS, trainers.WordPieceTrainer(
        vocab_size=110, special_tokens=["[PAD]", "[UNK]", "[CLS]", "[SEP]", "[MASK]"], show_progress=False))
    t.post_processor = processors.TemplateProcessing(single="[CLS] $A [SEP]", special_tokens=[("[CLS]", 2), ("[SEP]", 3)])
    return t


def cases(t):
    def one(text):
        ids = t.encode(text).ids
        return {"text": text, "ids": ids, "decoded": t.decode(ids), "plain": t.encode(text, add_special_tokens=False).ids}
    return [one(text) for text in TEXTS]


def sentence_piece_cases(path):
    sp = sentencepiece.SentencePieceProcessor(model_file=path)
    return [{"text": t, "ids": [sp.bos_id()] + sp.encode(t), "plain": sp.encode(t), "decoded": sp.decode(sp.encode(t))} for t in TEXTS]


def save(name, t):
    os.makedirs(f"{HERE}/{name}", exist_ok=True)
    t.save(f"{HERE}/{name}/tokenizer.json", pretty=False)
    return Tokenizer.from_file(f"{HERE}/{name}/tokenizer.json")


out = {}
for name, make in [("byte-level", byte_level), ("word-piece", word_piece)]:
    out[name] = cases(save(name, make(name)))
for name, options in [("sentence-piece", dict(byte_fallback=True, vocab_size=330)), ("sentence-piece-unk", dict(
        vocab_size=60, user_defined_symbols=["film", "<x>"], remove_extra_whitespaces=False))]:
    os.makedirs(f"{HERE}/{name}", exist_ok=True)
    model = io.BytesIO()
    sentencepiece.SentencePieceTrainer.train(
        sentence_iterator=iter(CORPUS), model_writer=model, model_type="bpe", hard_vocab_limit=False,
        normalization_rule_name="identity", character_coverage=1.0, minloglevel=2, **options)
    with open(f"{HERE}/{name}/tokenizer.model", "wb") as file:
        file.write(model.getvalue())
    out[name] = sentence_piece_cases(f"{HERE}/{name}/tokenizer.model")
if len(sys.argv) > 1:
    for name in ["imdb-4k", "bert-wordpiece"]:
        t = Tokenizer.from_file(f"{sys.argv[1]}/tokenizers/{name}/tokenizer.json")
        t.no_truncation(), t.no_padding()
        out["tokenizers/" + name] = cases(t)
    folder = f"{sys.argv[1]}/tokenizers/opt-roberta"
    t = Tokenizer(models.BPE.from_file(f"{folder}/vocab.json", f"{folder}/merges.txt"))
    t.pre_tokenizer, t.decoder = pre_tokenizers.ByteLevel(add_prefix_space=False), decoders.ByteLevel()
    t.add_special_tokens(["<s>", "<pad>", "</s>", "<unk>", "<mask>", "<|endoftext|>"])
    t.post_processor = processors.TemplateProcessing(single="</s> $A", special_tokens=[("</s>", 2)])
    out["tokenizers/opt-roberta"] = cases(t)
    name = "tokenizers/tok512-sentencepiece"
    out[name] = sentence_piece_cases(f"{sys.argv[1]}/{name}/tokenizer.model")
with open(f"{HERE}/cases.json", "w") as file:
    file.write("{\n")
    file.write(",\n".join(
        f"{json.dumps(name)}: [\n" + ",\n".join(json.dumps(case) for case in cases) + "\n]" for name, cases in out.items()))
    file.write("\n}\n")
