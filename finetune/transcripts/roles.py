"""Whatever a source calls an author to customer, agent or system. Names of people are nobody's role."""

import re
from collections.abc import Mapping
from typing import Literal

from finetune.conversations import Role

Part = Role | Literal["ignored"]
"""A role, or a part that no person plays: a tool's output, a status line."""

_CUSTOMER = frozenset(
    "customer user human client visitor enduser end-user requester contact caller lead consumer buyer guest"
    " member patient subscriber shopper tenant passenger incoming inbound"
    " prompter question kunde kundin nutzer anrufer cliente usuario usuaria utilisateur utilisatrice acheteur"
    " klant klient klientka клиент пользователь покупатель 客户 顾客 用户 买家 访客 会员 来电人 消费者 客戶 顧客"
    " 用戶 買家 訪客 お客様 顧客様 ユーザー 利用者 고객 고객님 사용자".split()
)
_AGENT = frozenset(
    "agent assistant gpt chatgpt model bot chatbot ai admin administrator operator support staff rep"
    " representative advisor adviser associate employee specialist consultant helpdesk help-desk csr teammate"
    " moderator technician seller merchant service reception receptionist outgoing outbound answer"
    " mitarbeiter mitarbeiterin berater beraterin kundenservice kundendienst kundenbetreuer agente asesor"
    " asesora atendente conseiller conseillère agente operatore operadora operador medewerker konsultant"
    " оператор агент поддержка 客服 坐席 座席 客服人员 人工客服 商家 卖家 店主 店家 助手 机器人 客服小妹 服务员"
    " 客服人員 賣家 機器人 オペレーター 担当者 サポート 상담원 상담사".split()
)
_SYSTEM = frozenset("system developer instructions 系统 系統 システム 시스템".split())
_IGNORED = frozenset(
    "tool function function_call tool_call observation ipython environment activity note internal log event".split()
)
_WORDS = re.compile(r"[^\W\d_]+(?:-[^\W\d_]+)?")
_MAX_WORDS = 6
_NEGATIVE_NUMBERS = {"0": False, "1": True, "false": False, "true": True, "no": False, "yes": True}
_TRUE_IS_CUSTOMER = ("inbound", "incoming", "from_customer", "is_customer", "from_user", "is_user")
_TRUE_IS_AGENT = ("outbound", "outgoing", "from_agent", "is_agent", "is_staff", "is_admin", "staff", "is_bot")


_GREETING = re.compile(
    r"\b(?:how (?:can|may|could) i (?:help|assist|be of)|thank you for (?:calling|contacting)|what can i do for you"
    r"|wie kann ich ihnen helfen|en quoi puis-je|en qué (?:le )?puedo)|为您服务|有什么可以帮|请问有什么",
    re.IGNORECASE,
)


def greets_as_agent(text: str) -> bool:
    """Whether a text holds the words with which agents answer."""
    return bool(_GREETING.search(text))


def part_of(speaker: str, roles: Mapping[str, Role] | None = None, column: str = "") -> Part | None:
    """The part an author plays, or None when the label does not tell.

    Args:
        speaker: What the source calls the author, for example `End-user`, `Agent (Ben)` or `客服`.
        roles: The company's own names, in lower case; they come first.
        column: The column it stands in: `inbound` makes yes and no readable.
    """
    label = " ".join(speaker.strip().casefold().split())
    if not label:
        return None
    if roles and label in roles:
        return roles[label]
    if label in _NEGATIVE_NUMBERS:
        return _from_flag(_NEGATIVE_NUMBERS[label], column.strip().casefold().replace(" ", "_"))
    return _known(label) or _from_phrase(label)


def _from_flag(flag: bool, column: str) -> Part | None:
    if column in _TRUE_IS_CUSTOMER:
        return "customer" if flag else "agent"
    if column in _TRUE_IS_AGENT:
        return "agent" if flag else "customer"
    return None


def _known(label: str) -> Part | None:
    for names, part in _TABLE:
        if label in names:
            return part
    return None


_TABLE: tuple[tuple[frozenset[str], Part], ...] = (
    (_CUSTOMER, "customer"),
    (_AGENT, "agent"),
    (_SYSTEM, "system"),
    (_IGNORED, "ignored"),
)
_AMBIGUOUS = frozenset({"question", "answer", "note", "log", "event", "contact", "lead", "model", "ai"})


def _from_phrase(label: str) -> Part | None:
    """`Customer Service Representative` is an agent: a word for agents counts before one for customers."""
    words = [w for w in _WORDS.findall(label) if w not in _AMBIGUOUS]
    if not words or len(_WORDS.findall(label)) > _MAX_WORDS:
        return None
    if any(w in _AGENT for w in words):
        return "agent"
    if any(w in _CUSTOMER for w in words):
        return "customer"
    if all(w in _SYSTEM for w in words):
        return "system"
    return _by_characters(label)


def _by_characters(label: str) -> Part | None:
    """Chinese and Japanese labels are not cut by spaces: `客服小王`, `用户123`."""
    for names, part in _TABLE[:2]:
        if any(label.startswith(name) for name in names if not name.isascii() and name[0] >= "぀"):
            return part
    return None
