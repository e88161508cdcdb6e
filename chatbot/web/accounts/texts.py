"""What the pages of accounts say, in English and Chinese."""

from typing import Final

TEXTS: Final[dict[str, dict[str, str]]] = {
    "en": {
        "sign_in": "Sign in",
        "name": "Account name",
        "password": "Password",
        "refused": "The name or the password is wrong.",
        "with_provider": "Sign in with {provider}",
        "go_on": "Go on",
        "sign_out": "Sign out",
        "sign_out_sure": "You are signed in as {name}.",
        "signed_out": "You are signed out.",
        "welcome_first": "Make the first administrator",
        "welcome_first_info": "Choose a name and a password. This link works once.",
        "welcome": "Choose your password",
        "welcome_info": "For the account {name}. This link works once.",
        "new_password": "New password",
        "again": "The same password again",
        "rule": "At least {chars} characters; a few words that do not belong together do well.",
        "differ": "The two passwords differ.",
        "save": "Save",
        "account": "Your account",
        "account_info": "{name}, {role}",
        "admin": "administrator",
        "agent": "agent",
        "change": "Change your password",
        "old_password": "Old password",
        "saved": "The password is changed. Every other browser is signed out.",
        "to_admin": "Administration",
        "not_admin": "This is for administrators",
        "not_admin_info": "Your account may not open this page.",
        "expired_form": "This form is too old, or came from another page. Please try again.",
    },
    "zh": {
        "sign_in": "登录",
        "name": "账户名",
        "password": "密码",
        "refused": "账户名或密码不正确。",
        "with_provider": "使用 {provider} 登录",
        "go_on": "继续",
        "sign_out": "退出登录",
        "sign_out_sure": "您已登录为 {name}。",
        "signed_out": "您已退出登录。",
        "welcome_first": "创建第一个管理员",
        "welcome_first_info": "请选择账户名和密码。此链接只能使用一次。",
        "welcome": "设置您的密码",
        "welcome_info": "账户：{name}。此链接只能使用一次。",
        "new_password": "新密码",
        "again": "再次输入密码",
        "rule": "至少 {chars} 个字符；几个互不相关的词就很好。",
        "differ": "两次输入的密码不一致。",
        "save": "保存",
        "account": "您的账户",
        "account_info": "{name}，{role}",
        "admin": "管理员",
        "agent": "客服",
        "change": "修改密码",
        "old_password": "旧密码",
        "saved": "密码已修改。其他浏览器均已退出登录。",
        "to_admin": "管理页面",
        "not_admin": "仅限管理员",
        "not_admin_info": "您的账户不能打开此页面。",
        "expired_form": "此表单已过期或来自其他页面，请重试。",
    },
}


def language_of(accepted: str) -> str:
    """The first language of `Accept-Language` that there are texts in."""
    wanted = (part.partition(";")[0].strip().lower()[:2] for part in accepted.split(","))
    return next((language for language in wanted if language in TEXTS), "en")
