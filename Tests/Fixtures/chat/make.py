"""Makes cases.json: what Jinja makes of a user's message, and of the answer behind it, by templates of the known families.

pip install jinja2; python make.py. The templates are written for these tests, in the ways that those of published checkpoints
are: with the strings of a family as they stand there, and with line ends as escapes. The environment is that of transformers.
"""

import json, os
from jinja2.sandbox import ImmutableSandboxedEnvironment

HERE = os.path.dirname(os.path.abspath(__file__))
EACH = "{% for message in messages %}"
CHATML = r"{{ '<|im_start|>' + message['role'] + '\n' + message['content'] + '<|im_end|>\n' }}{% endfor %}{% if add_generation_prompt %}{{ '<|im_start|>assistant\n' }}{% endif %}"
HEADER = r"{{ '<|start_header_id|>' + message['role'] + '<|end_header_id|>\n\n' + message['content'] | trim + '<|eot_id|>' }}"
ASSISTANT = r"{% if add_generation_prompt %}{{ '<|start_header_id|>assistant<|end_header_id|>\n\n' }}{% endif %}"
DATED = r"""{{- bos_token }}
{%- if not date_string is defined %}
    {%- set date_string = "26 Jul 2024" %}
{%- endif %}
{{- "<|start_header_id|>system<|end_header_id|>\n\n" }}
{{- "Cutting Knowledge Date: December 2023\n" }}
{{- "Today Date: " + date_string + "\n\n" }}
{{- "<|eot_id|>" -}}
"""
TURN = r"{{ '<start_of_turn>' + ('model' if message['role'] == 'assistant' else message['role']) + '\n' + message['content'] | trim + '<end_of_turn>\n' }}"
INST = "{%% if message['role'] == 'user' %%}{{ '%s' + message['content'] + '%s' }}{%% else %%}{{ %s + eos_token }}{%% endif %%}{%% endfor %%}"
SYSTEM = "{% if messages[0]['role'] == 'system' %}{{ '<<SYS>>' + messages[0]['content'] + '<</SYS>>' }}{% endif %}"
PHI = r"{% if message['role'] == 'user' %}{{ '<|user|>\n' + message['content'] + '<|end|>\n' }}{% else %}{{ '<|assistant|>\n' + message['content'] + '<|end|>\n' }}{% endif %}{% endfor %}{% if add_generation_prompt %}{{ '<|assistant|>\n' }}{% endif %}"
PHI_PARTS = r"{% if (message['role'] == 'user') %}{{'<|user|>' + '\n' + message['content'] + '<|end|>' + '\n' + '<|assistant|>' + '\n'}}{% else %}{{message['content'] + '<|end|>' + '\n'}}{% endif %}{% endfor %}"
PHI_ROLES = r"{{'<|' + message['role'] + '|>' + '\n' + message['content'] + '<|end|>\n' }}{% endfor %}{% if add_generation_prompt %}{{ '<|assistant|>\n' }}{% endif %}"
ZEPHYR = """{% for message in messages %}
{% if message['role'] == 'user' %}
{{ '<|user|>\\n' + message['content'] + eos_token }}
{% elif message['role'] == 'assistant' %}
{{ '<|assistant|>\\n'  + message['content'] + eos_token }}
{% endif %}
{% if loop.last and add_generation_prompt %}
{{ '<|assistant|>' }}
{% endif %}
{% endfor %}"""
TEMPLATES = [
    ("ChatML", EACH + CHATML),
    ("ChatML", r"{% if messages[0]['role'] != 'system' %}{{ '<|im_start|>system\nYou are a helpful test.<|im_end|>\n' }}{% endif %}" + EACH + CHATML),
    ("ChatML", r"""{%- if tools %}{{- '<|im_start|>system\n' }}{%- elif messages[0]['role'] == 'system' %}{{- '<|im_start|>system\n' + messages[0]['content'] + '<|im_end|>\n' }}{%- else %}{{- "<|im_start|>system\nYou're a test.<|im_end|>\n" }}{%- endif %}""" + EACH + CHATML),
    ("ChatML", "{{ bos_token }}" + (EACH + CHATML).replace("\\n", "\n")),
    ("Llama 3", "{{ bos_token }}" + EACH + HEADER + "{% endfor %}" + ASSISTANT),
    ("Llama 3", DATED + EACH + HEADER + "{% endfor %}" + ASSISTANT),
    ("Gemma", "{{ bos_token }}" + EACH + TURN + r"{% endfor %}{% if add_generation_prompt %}{{'<start_of_turn>model\n'}}{% endif %}"),
    ("Mistral", "{{ bos_token }}" + EACH + INST % ("[INST] ", " [/INST]", "message['content']")),
    ("Mistral", "{{- bos_token }}" + EACH + INST % ("[INST] ", "[/INST]", "' ' + message['content']")),
    ("Mistral", "{{- bos_token }}" + EACH + INST % ("[INST]", "[/INST]", "message['content']")),
    ("Llama 2", SYSTEM + EACH + INST % ("[INST] ", " [/INST]", "' ' + message['content'] + ' '")),
    ("Phi-3", EACH + PHI),
    ("Phi-3", "{{ bos_token }}" + EACH + PHI_PARTS),
    ("Phi-3", "{{ bos_token }}" + EACH + PHI_ROLES),
    ("Zephyr", ZEPHYR),
]
UNKNOWN = [
    "{% for message in messages %}{{ message['role'] + ': ' + message['content'] }}{% endfor %}",
    "{% for message in messages %}{{ '<|im_start|>' + message['role'] + '<|im_sep|>' + message['content'] + '<|im_end|>' }}{% endfor %}",
    r"{{ '<|im_start|>system\nToday is ' + strftime_now('%d %B') + '<|im_end|>\n' }}" + EACH + CHATML,
    r"{{ '<|im_start|>system\nYou are ' + name + '<|im_end|>\n' }}" + EACH + CHATML,
    EACH + CHATML.replace(r"assistant\n'", r"assistant\n<think>\n'"),
    "{{ '<|' + messages[0]['role'] + '|>' + messages[0]['content'] + '<|end|>' + '<|assistant|>' }}",
    "{{ '[SYSTEM_PROMPT]x[/SYSTEM_PROMPT][INST]' + messages[0]['content'] + '[/INST]' }}",
    "",
]


def render(template, messages, generation):
    environment = ImmutableSandboxedEnvironment(trim_blocks=True, lstrip_blocks=True)
    return environment.from_string(template).render(
        messages=messages, add_generation_prompt=generation, bos_token="<s>", eos_token="</s>")


# Conversations of several turns. What is scored is the assistant's part, with what ends it.
TURNS = [("user", "  One?"), ("assistant", "Two. "), ("user", "Three?"), ("assistant", "Four.")]
SYSTEM_TURN = [("system", "Be short.")]
GEMMA3 = r"""{{ bos_token }}
{%- if messages[0]['role'] == 'system' -%}
    {%- set first_user_prefix = messages[0]['content'] + '\n\n' -%}
    {%- set loop_messages = messages[1:] -%}
{%- else -%}
    {%- set first_user_prefix = "" -%}
    {%- set loop_messages = messages -%}
{%- endif -%}
{%- for message in loop_messages -%}
    {{ '<start_of_turn>' + ('model' if message['role'] == 'assistant' else message['role']) + '\n' + (first_user_prefix if loop.first else "") }}
    {{- message['content'] | trim -}}
    {{ '<end_of_turn>\n' }}
{%- endfor -%}"""
MISTRAL_FIRST = r"""{%- if messages[0]["role"] == "system" %}{%- set system_message = messages[0]["content"] %}{%- set loop_messages = messages[1:] %}{%- else %}{%- set loop_messages = messages %}{%- endif %}
{{- bos_token }}
{%- for message in loop_messages %}
    {%- if message["role"] == "user" %}
        {%- if loop.first and system_message is defined %}
            {{- " [INST] " + system_message + "\n\n" + message["content"] + " [/INST]" }}
        {%- else %}
            {{- " [INST] " + message["content"] + " [/INST]" }}
        {%- endif %}
    {%- elif message["role"] == "assistant" %}
        {{- " " + message["content"] + eos_token}}
    {%- endif %}
{%- endfor %}"""
MISTRAL_LAST = MISTRAL_FIRST.replace("loop.first", "loop.last").replace('" [INST] "', '"[INST] "').replace('" [/INST]"', '"[/INST]"')
LLAMA2 = r"""{% if messages[0]['role'] == 'system' %}{% set loop_messages = messages[1:] %}{% set system_message = messages[0]['content'] %}{% else %}{% set loop_messages = messages %}{% set system_message = false %}{% endif %}{% for message in loop_messages %}{% if loop.index0 == 0 and system_message != false %}{% set content = '<<SYS>>\n' + system_message + '\n<</SYS>>\n\n' + message['content'] %}{% else %}{% set content = message['content'] %}{% endif %}{% if message['role'] == 'user' %}{{ bos_token + '[INST] ' + content.strip() + ' [/INST]' }}{% elif message['role'] == 'assistant' %}{{ ' '  + content.strip() + ' ' + eos_token }}{% endif %}{% endfor %}"""
LLAMA3_SYSTEM = r"""{{- bos_token }}
{%- if not date_string is defined %}
    {%- set date_string = "26 Jul 2024" %}
{%- endif %}
{%- if messages[0]['role'] == 'system' %}
    {%- set system_message = messages[0]['content']|trim %}
    {%- set messages = messages[1:] %}
{%- else %}
    {%- set system_message = "" %}
{%- endif %}
{{- "<|start_header_id|>system<|end_header_id|>\n\n" }}
{{- "Cutting Knowledge Date: December 2023\n" }}
{{- "Today Date: " + date_string + "\n\n" }}
{{- system_message }}
{{- "<|eot_id|>" -}}
"""
CONVERSATIONS = [
    ("ChatML", TEMPLATES[0][1], True), ("ChatML", TEMPLATES[1][1], True),
    ("Llama 3", TEMPLATES[4][1], True), ("Llama 3", LLAMA3_SYSTEM + EACH + HEADER + "{% endfor %}" + ASSISTANT, True),
    ("Gemma", TEMPLATES[6][1], False), ("Gemma", GEMMA3, True),
    ("Mistral", TEMPLATES[7][1], False), ("Mistral", TEMPLATES[8][1], False), ("Mistral", MISTRAL_FIRST, True),
    ("Mistral", MISTRAL_LAST, True), ("Llama 2", LLAMA2, True), ("Phi-3", TEMPLATES[13][1], True),
    ("Phi-3", TEMPLATES[11][1], False),
    ("Zephyr", ZEPHYR.replace("{% elif", "{% elif message['role'] == 'system' %}\n{{ '<|system|>\\n' + message['content'] + eos_token }}\n{% elif", 1), True),
]

cases = []
for family, template in TEMPLATES:
    user, answer = {"role": "user", "content": "MESSAGE"}, {"role": "assistant", "content": "ANSWER"}
    cases.append({
        "family": family, "template": template, "asked": render(template, [user], True),
        "answered": render(template, [user, answer], False)})
conversations = []
for family, template, takes_system in CONVERSATIONS:
    for turns in [TURNS] + ([SYSTEM_TURN + TURNS] if takes_system else []):
        messages = [{"role": role, "content": content} for role, content in turns]
        conversations.append({
            "family": family, "template": template, "takesSystem": takes_system, "messages": messages,
            "text": render(template, messages, False)})
with open(f"{HERE}/cases.json", "w") as file:
    json.dump({"known": cases, "unknown": UNKNOWN, "conversations": conversations}, file, indent=1)
    file.write("\n")
