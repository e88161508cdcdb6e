"""Sentences Frontdesk says in its own name, by language."""

from collections.abc import Sequence
from typing import Literal

Language = Literal["en", "zh"]

_TEXTS: dict[str, dict[Language, str]] = {
    "decline": {
        "en": "I could not find an answer to that in our help articles, so I would rather not guess. "
        "Would you like me to pass your question to a person in our support team?",
        "zh": "我在帮助文章中没有找到答案，不想随意猜测。需要我把您的问题转给客服人员吗？",
    },
    "refuse": {
        "en": "I can only help with questions about {company}. If yours is one, please ask it in other words.",
        "zh": "我只能回答与 {company} 有关的问题。如果您的问题与此有关，请换个说法再问一次。",
    },
    "nothing": {
        "en": "I could not make out a question in what you sent. Could you type it in a few words? "
        "If you prefer, I can pass this on to a person.",
        "zh": "我没能从您发送的内容中看出问题。能用几个字描述一下吗？如果需要，我也可以转给客服人员。",
    },
    "clarify": {
        "en": "I am not sure which of these you mean. Choose one, or ask in other words:",
        "zh": "我不确定您指的是哪一个。请选择一项，或换个说法提问：",
    },
    "in_part": {
        "en": "You asked more than one thing; this is the part that I found an answer to.",
        "zh": "您问了不止一个问题，以下是我找到答案的部分。",
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
    "handoff_nothing_found": {
        "en": "I could not find an answer to that in our help articles.",
        "zh": "我在帮助文章中没有找到答案。",
    },
    "handoff_frustrated": {
        "en": "I am sorry that this has been so tiresome.",
        "zh": "很抱歉给您带来了困扰。",
    },
    "handoff_sensitive": {
        "en": "This is something that a person should look at.",
        "zh": "这件事应该由专人来处理。",
    },
    "handoff_asked": {
        "en": "I have passed this conversation on to our support team.",
        "zh": "我已将本次对话转给客服团队。",
    },
    "handoff_asked_before": {
        "en": "Our support team has this conversation in its queue already.",
        "zh": "本次对话已在客服团队的队列中。",
    },
    "handoff_here": {
        "en": "Somebody is here now and will answer you in this conversation.",
        "zh": "现在有客服人员在线，会在本对话中回复您。",
    },
    "handoff_away": {
        "en": "It is within our opening hours, but nobody is at the desk at this moment; the reply will appear in this "
        "conversation.",
        "zh": "现在是服务时间，但暂时没有客服人员在线；回复会出现在本对话中。",
    },
    "handoff_shut": {
        "en": "Nobody is here now; we are back {opens}. The reply will appear in this conversation.",
        "zh": "现在没有客服人员在线，我们将于{opens}恢复服务。回复会出现在本对话中。",
    },
    "handoff_nobody": {
        "en": "Nobody is here at this moment; the reply will appear in this conversation.",
        "zh": "目前没有客服人员在线；回复会出现在本对话中。",
    },
    "handoff_position": {
        "en": "You are number {position} in the queue.",
        "zh": "您在队列中排第 {position} 位。",
    },
    "handoff_leave_contact": {
        "en": "If you would rather be answered by e-mail, write your e-mail address here.",
        "zh": "如果您希望通过邮件收到回复，请在这里留下邮箱地址。",
    },
    "handoff_contact_known": {
        "en": "We can also answer to {contact}.",
        "zh": "我们也可以回复到 {contact}。",
    },
    "handoff_contact_kept": {
        "en": "Thank you, {contact} is noted for our team.",
        "zh": "谢谢，已记下 {contact}。",
    },
    "weekdays": {
        "en": "Monday Tuesday Wednesday Thursday Friday Saturday Sunday",
        "zh": "星期一 星期二 星期三 星期四 星期五 星期六 星期日",
    },
    "brief_asked": {"en": "Asked last: {question}", "zh": "最后的问题：{question}"},
    "brief_before": {"en": "Before: {questions}", "zh": "此前：{questions}"},
    "brief_codes": {"en": "Error codes on screenshots: {codes}", "zh": "截图中的错误代码：{codes}"},
    "brief_tried": {
        "en": "Answered by the assistant: {answered}; nothing found or handed over: {failed}.",
        "zh": "助手已回答：{answered}；未找到答案或转人工：{failed}。",
    },
    "brief_sources": {"en": "Sources shown: {sources}", "zh": "已展示的出处：{sources}"},
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


def with_options(text: str, options: Sequence[str]) -> str:
    """An answer with the questions that it offers as a list, for where there are no buttons."""
    return "\n\n".join((text, "\n".join(f"- {option}" for option in options))) if options else text


def asks_back(text: str) -> bool:
    """Whether an answer, as it was shown somewhere, is the one that offers questions."""
    return text.startswith(tuple(_TEXTS["clarify"].values()))
