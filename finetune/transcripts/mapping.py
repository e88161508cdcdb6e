"""Which column of a table holds what: suggested from the header, checked before anything is read."""

import re
from collections.abc import Sequence

from finetune.transcripts.values import ColumnMapping, Source, TranscriptError

_SYNONYMS = {
    "conversation_id": "conversation_id conversationid conversation chat_id chatid ticket_id ticketid ticket case_id"
    " session_id thread_id dialogue_id dialog_id call_id interaction_id thread conv_id conversation_no 会话id 会话编号"
    " 工单号 对话id",
    "transcript": "transcript chat_transcript conversation_text full_text dialogue dialog chat_log 聊天记录 对话",
    "role": "role speaker_role author_role author_type sender_type user_type is_agent is_customer from_agent"
    " from_customer inbound incoming direction speaker sender author from participant who 角色 发送者 发言人 说话人",
    "text": "text message content body utterance msg message_text comment turn message_body sentence 内容 消息 文本"
    " 消息内容",
    "at": "at time timestamp created_at date datetime sent_at created sent time_stamp 时间 发送时间",
    "customer": "customer_id customerid client_id clientid user_id visitor_id requester_id contact_id requester 客户id",
    "rating": "rating feedback csat satisfaction score stars thumbs 评分 满意度",
    "question": "question customer_message user_message query prompt instruction customer_text request inquiry customer"
    " user input 问题 提问 客户消息",
    "answer": "answer agent_message agent_response response completion agent_reply agent_text reply agent assistant bot"
    " output 答案 回答 回复 客服消息",
}
_SHOWN = 30


def suggest_mapping(header: Sequence[str]) -> ColumnMapping:
    """The mapping that the column names suggest; fields without a fitting column stay empty."""
    by_key: dict[str, str] = {}
    for column in header:
        by_key.setdefault(_key(column), column)
    found: dict[str, str] = {}
    for name, synonyms in _SYNONYMS.items():
        column = next(
            (by_key[s] for s in synonyms.split() if s in by_key and by_key[s] not in found.values()), ""
        )
        if column:
            found[name] = column
    mapping = ColumnMapping(**found)
    if mapping.text and mapping.role:  # a row is one message: other columns of words are not what was said
        return ColumnMapping(
            **{k: v for k, v in found.items() if k not in ("question", "answer", "transcript")}
        )
    return mapping


def checked_mapping(header: Sequence[str], source: Source) -> ColumnMapping:
    """The given mapping, or the suggested one.

    Raises:
        TranscriptError: It names columns that are not there, or the header suggests nothing usable.
    """
    mapping = source.options.mapping or suggest_mapping(header)
    listed = ", ".join(repr(c[:40]) for c in header[:_SHOWN]) or "none"
    missing = [c for c in mapping.columns if c not in header]
    if missing:
        raise TranscriptError(
            f"{source.label} has no column {', '.join(map(repr, missing))}; its columns are {listed}.",
            "Map the columns by the names in the first row.",
        )
    if not mapping.is_usable:
        raise TranscriptError(
            f"{source.label}: its columns do not say what they hold: {listed}.",
            "Map them: `text` and `role` (and `conversation_id`), or `question` and `answer`, or `transcript`.",
        )
    return mapping


def _key(column: str) -> str:
    words = re.sub(r"(?<=[a-z])(?=[A-Z])", "_", column.strip().strip("\ufeff"))
    return re.sub(r"[\s.\-]+", "_", words).casefold()
