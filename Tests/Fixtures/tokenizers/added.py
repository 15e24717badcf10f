"""Makes added.json: what transformers makes of texts with tokens that stand beside a tokenizer.model.

pip install transformers==5.24.0 sentencepiece protobuf; python added.py. The model is that of sentence-piece here.
"""

import json, os, shutil, tempfile

os.environ["HF_HUB_OFFLINE"] = "1"
from transformers import LlamaTokenizer
import sentencepiece

HERE = os.path.dirname(os.path.abspath(__file__))
MODEL = f"{HERE}/sentence-piece/tokenizer.model"
SIZE = sentencepiece.SentencePieceProcessor(model_file=MODEL).get_piece_size()
TOKENS = ["<|im_start|>", "<|im_end|>"]
TEXTS = ["<|im_start|>user\nfilm<|im_end|>", "film<|im_start|> great <|im_end|>x", "<|im_start|>", "it<|im_end|>\n<|im_start|>it was", "film"]
PLAIN = json.dumps({token: SIZE + i for i, token in enumerate(TOKENS)})
DECODER = {str(SIZE + i): {"content": token, "lstrip": False, "rstrip": i == 1, "normalized": False, "single_word": False, "special": True} for i, token in enumerate(TOKENS)}

out = []
for config, added in [({}, PLAIN), ({"legacy": False}, PLAIN), ({"legacy": True}, PLAIN), ({"added_tokens_decoder": DECODER}, None)]:
    with tempfile.TemporaryDirectory() as folder:
        shutil.copy(MODEL, folder)
        config = json.dumps({"tokenizer_class": "LlamaTokenizer", **config})
        with open(f"{folder}/tokenizer_config.json", "w") as file:
            file.write(config)
        if added:
            with open(f"{folder}/added_tokens.json", "w") as file:
                file.write(added)
        t = LlamaTokenizer.from_pretrained(folder)
        cases = [{"text": text, "ids": t.encode(text, add_special_tokens=False)} for text in TEXTS]
        out.append({"config": config, "addedTokens": added, "size": len(t), "cases": cases})
with open(f"{HERE}/added.json", "w") as file:
    json.dump(out, file, indent=1)
    file.write("\n")
