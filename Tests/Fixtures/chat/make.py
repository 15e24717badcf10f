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


cases = []
for family, template in TEMPLATES:
    user, answer = {"role": "user", "content": "MESSAGE"}, {"role": "assistant", "content": "ANSWER"}
    cases.append({
        "family": family, "template": template, "asked": render(template, [user], True),
        "answered": render(template, [user, answer], False)})
with open(f"{HERE}/cases.json", "w") as file:
    json.dump({"known": cases, "unknown": UNKNOWN}, file, indent=1)
    file.write("\n")
