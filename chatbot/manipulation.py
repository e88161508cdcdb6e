"""What a customer says to the assistant about its own instructions, instead of asking something.

By words, in the languages that `wishes` knows best; it knows no model. Only what customers themselves write or say is
looked at: what stands in documents and on screens is never an instruction, so that nothing has to be found there.
"""

import re

_EARLIER = (
    r"(?:(?:all|any|every|each|the|of|these|those|my|and)\s+){0,4}"
    r"(?:previous|prior|above|earlier|preceding|foregoing|former|your|initial|original|system|developer|default)"
)
_INSTRUCTIONS = (
    r"(?:instructions?|prompts?|directives?|guidelines?|rules|commands?|programming|restrictions?|training)"
)
_HIDDEN = r"(?:system|hidden|secret|internal|initial|original|developer|pre-?set)"
_OTHERS = (
    r"(?:(?:other|another|previous|all(?:\s+the)?|different)\s+(?:customers?|users?|visitors?|clients?|people))"
    r"['’]?s?"
)
_ATTEMPTS = tuple(
    re.compile(pattern, re.IGNORECASE)
    for pattern in (
        # away with the instructions
        r"\b(?:ignore|disregard|forget|override|overrule|bypass|discard|(?:do\s+not|don['’]?t|stop)\s+(?:obey|follow)(?:ing)?)"
        rf"\b\s+{_EARLIER}\s+(?:\w+\s+){{0,2}}{_INSTRUCTIONS}\b",
        r"\b(?:ignore|disregard|forget)\s+(?:everything|all|anything)\s+"
        r"(?:(?:that\s+)?(?:you|i)\s+(?:were|have\s+been|was)\s+told|above|before\s+this|(?:you\s+)?(?:know|said)\s+before)\b",
        # out with them
        r"\b(?:reveal|show|print|repeat|output|display|tell|give|share|leak|expose|copy|list|write|dump|translate|summari[sz]e"
        rf"|what\s+(?:is|are|was|were|does)|what['’]s)\b[^.?!\n]{{0,40}}\b{_HIDDEN}[\s-]+(?:prompts?|instructions?|messages?)\b",
        r"\b(?:reveal|show|print|repeat|output|display|tell|give|share|leak|expose|copy|dump)\b[^.?!\n]{0,20}\byour\s+prompt\b",
        # another role
        r"\b(?:you\s+are\s+now|you['’]re\s+now|from\s+now\s+on\b[^.?!\n]{0,10}\byou|act\s+as|pretend\s+(?:to\s+be|you|that\s+you)"
        r"|role-?play\s+as|simulate)\b[^.?!\n]{0,60}\b(?:DAN|(?:developer|debug|admin|god)\s+mode|jailbr\w+|unrestricted|unfiltered"
        r"|uncensored|(?:no|without)\s+(?:any\s+)?(?:rules|restrictions|limits|filters|limitations))\b",
        r"\bdo\s+anything\s+now\b",
        r"<\|\s*(?:im_start|im_end|system|user|assistant|endoftext)\s*\|>|\[/?INST\]|<</?SYS>>",
        # what belongs to others
        rf"\b(?:show|tell|give|list|print|reveal|share|send)\b[^.?!\n]{{0,30}}\b{_OTHERS}\s+(?:personal\s+|private\s+)?"
        r"(?:data|details|information|conversations?|chats?|messages?|orders?|names?|e-?mails?(?:\s+addresses)?|addresses|passwords?)\b",
        # Chinese
        r"(?:忽略|无视|忘记|忘掉|不要(?:理会|遵守|遵循)|绕过)[^。？！\n]{0,8}(?:之前|以上|上面|前面|所有|你的|系统)[^。？！\n]{0,8}"
        r"(?:指令|指示|提示|规则|设定|限制|命令)",
        r"(?:显示|输出|告诉|透露|打印|重复|复述|说出|给我)[^。？！\n]{0,10}(?:系统|初始|隐藏|内部)(?:提示词?|指令|设定)",
        r"你现在是[^。？！\n]{0,16}(?:没有|不受)[^。？！\n]{0,6}(?:限制|约束|规则)",
        # German, French, Spanish
        r"\b(?:ignorier\w*|vergiss|vergessen\s+sie|missachte\w*)\b[^.?!\n]{0,20}\b(?:vorherigen?|bisherigen?|obigen|deine|ihre)\s+"
        r"(?:\w+\s+)?(?:anweisung\w*|instruktionen|regeln|vorgaben)",
        r"\b(?:ignore[zr]?|oublie[zr]?)\b[^.?!\n]{0,20}\b(?:instructions?|consignes|règles)\s+(?:précédentes?|ci-dessus|antérieures?)",
        r"\b(?:ignora\w*|olvida\w*)\b[^.?!\n]{0,20}\b(?:instrucciones|reglas|indicaciones)\s+(?:anteriores|previas)",
    )
)


def manipulation(said: str) -> str:
    """The words that are meant for the assistant's instructions and not for an answer; empty when none are."""
    return next((found[0].strip() for attempt in _ATTEMPTS if (found := attempt.search(said))), "")
