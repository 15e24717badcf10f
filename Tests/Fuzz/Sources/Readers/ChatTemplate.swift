import ZerothTasks

/// A chat template: in `chat_template.jinja`, or in `tokenizer_config.json`.
let readChatTemplate = Reader { input in
  _ = Scratch.unpack(input, ["chat_template.jinja", "tokenizer_config.json"])
  _ = try loadChatTemplate(directory: Scratch.path)
}
