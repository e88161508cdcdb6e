"""The page's words in English and Chinese; the browser's language chooses."""

from chatbot.messages import Stage
from chatbot.templates import Language

TEXTS: dict[Language, dict[str, str]] = {
    "en": {
        "subtitle": "Customer help",
        "title": "How can we help?",
        "intro": "Type your question, paste a screenshot, or record what is wrong. Answers come from our "
        "help articles, with their sources.",
        "conversations": "Conversations",
        "new": "New conversation",
        "untitled": "New conversation",
        "rename": "Rename",
        "rename_label": "Title of this conversation",
        "delete": "Delete",
        "delete_sure": "Delete it for good",
        "keep": "Keep it",
        "export_json": "Export JSON",
        "export_markdown": "Export Markdown",
        "chat": "Conversation",
        "ask": "Your question",
        "ask_placeholder": "Ask, paste or record…",
        "read": "What I read",
        "read_hint": "Is something wrong here? Correct it and ask again.",
        "heard": "Heard in {name} ({language}, {confidence} sure)",
        "seen": "Read on {name} ({confidence} sure)",
        "text_file": "Text file",
        "ask_again": "Ask again with these corrections",
        "comment": "What was good or wrong? (optional)",
        "send_comment": "Send comment",
        "thanks": "Thank you, your feedback is stored.",
        "examples": "For example",
        "sources": "Sources",
        "related": "Related:",
        "open_article": "Open the article",
        "person": "Talk to a person",
        "person_here": "{name} has this conversation and answers you here.",
        "person_returned": "{name} has left; the assistant answers again.",
        "stopped": "Stopped.",
        "unanswered": "This question was not answered; please ask it again.",
        "loading": "Starting up, this can take a minute…",
        "one_moment": "One moment…",
        "failed": "Something went wrong on our side. Your question is kept; please try again.",
        "stage_listening": "Listening to your recording…",
        "stage_reading": "Reading your screenshot…",
        "stage_searching": "Searching the help articles…",
        "stage_answering": "Writing the answer…",
    },
    "zh": {
        "subtitle": "客户服务",
        "title": "需要什么帮助？",
        "intro": "输入问题、粘贴截图或录音描述。答案来自我们的帮助文章，并附上出处。",
        "conversations": "对话",
        "new": "新对话",
        "untitled": "新对话",
        "rename": "重命名",
        "rename_label": "对话标题",
        "delete": "删除",
        "delete_sure": "确认永久删除",
        "keep": "保留",
        "export_json": "导出 JSON",
        "export_markdown": "导出 Markdown",
        "chat": "对话内容",
        "ask": "您的问题",
        "ask_placeholder": "提问、粘贴截图或录音…",
        "read": "我读到的内容",
        "read_hint": "有误吗？请修改后重新提问。",
        "heard": "{name} 中听到的（{language}，把握 {confidence}）",
        "seen": "{name} 上读到的（把握 {confidence}）",
        "text_file": "文本文件",
        "ask_again": "用修改后的内容重新提问",
        "comment": "哪里好或不好？（可不填）",
        "send_comment": "提交评价",
        "thanks": "谢谢，您的反馈已保存。",
        "examples": "例如",
        "sources": "出处",
        "related": "相关文章：",
        "open_article": "打开文章",
        "person": "联系人工客服",
        "person_here": "{name} 正在处理本对话，会在这里回复您。",
        "person_returned": "{name} 已离开，助手将继续为您解答。",
        "stopped": "已停止。",
        "unanswered": "这个问题还没有回答，请再问一次。",
        "loading": "正在启动，可能需要一分钟…",
        "one_moment": "请稍候…",
        "failed": "我们这边出了问题。您的问题已保存，请重试。",
        "stage_listening": "正在听录音…",
        "stage_reading": "正在阅读截图…",
        "stage_searching": "正在搜索帮助文章…",
        "stage_answering": "正在撰写答案…",
    },
}


def language_of_browser(accept_language: str) -> Language:
    """Chinese when the browser asks for it before English, else English."""
    for tag in accept_language.lower().split(","):
        if tag.strip().startswith("zh"):
            return "zh"
        if tag.strip().startswith("en"):
            return "en"
    return "en"


def stage_text(stage: Stage, language: Language) -> str:
    """What the status line says while a stage runs."""
    return TEXTS[language][f"stage_{stage.value}"]
