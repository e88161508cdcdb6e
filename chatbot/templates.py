"""Sentences Frontdesk says in its own name, by language."""

from typing import Literal

Language = Literal["en", "zh"]

_TEXTS: dict[str, dict[Language, str]] = {
    "decline": {
        "en": "I could not find an answer to that in our help articles, so I would rather not guess. "
        "Would you like me to pass your question to a person in our support team?",
        "zh": "我在帮助文章中没有找到答案，不想随意猜测。需要我把您的问题转给客服人员吗？",
    },
    "nothing": {
        "en": "I could not make out a question in what you sent. Could you type it in a few words? "
        "If you prefer, I can pass this on to a person.",
        "zh": "我没能从您发送的内容中看出问题。能用几个字描述一下吗？如果需要，我也可以转给客服人员。",
    },
    "quote": {"en": "This is what our help article says:", "zh": "帮助文章中是这样写的："},
    "engine_failed": {
        "en": "I could not compose an answer just now, so here is the best matching passage.",
        "zh": "我暂时无法组织答案，下面是最相关的段落。",
    },
    "shortened": {
        "en": "Your message was longer than {limit} characters; I read the first {limit}.",
        "zh": "您的消息超过 {limit} 个字符，我只读取了前 {limit} 个。",
    },
    "ask_about_screen": {
        "en": "What does this screen mean and what should I do?",
        "zh": "这个画面是什么意思？我该怎么办？",
    },
}


def say(key: str, language: Language, **values: object) -> str:
    """The sentence for `key`.

    Raises:
        KeyError: There is no such sentence.
    """
    return _TEXTS[key][language].format(**values)
