"""What a job is at, in the reader's language. Stages are told in English; one that is not known here stays so."""

import re

from chatbot.templates import Language

_ZH = {
    "check memory": "检查内存",
    "import": "导入",
    "redact": "遮盖个人信息",
    "build": "生成样本",
    "plan training": "安排训练",
    "train": "训练",
    "export": "导出",
    "fit refusal threshold": "确定拒答阈值",
    "judge and register": "评判并登记",
}
_ASKED_ZH = {
    "held-out questions": "留出问题",
    "guard questions": "防护问题",
    "instructions": "通用任务",
}
_ASKS = re.compile(r"ask (?P<who>.+): (?P<what>[^:]+)")


def stage_in(language: Language, stage: str) -> str:
    """The name of a stage for people."""
    if language == "en":
        return stage
    if (asks := _ASKS.fullmatch(stage)) and asks["what"] in _ASKED_ZH:
        who = "原始基础模型" if asks["who"] == "bare base" else asks["who"]
        return f"向 {who} 提问（{_ASKED_ZH[asks['what']]}）"
    return _ZH.get(stage, stage)
