"""The kinds of screens that are told apart, and what they are called."""

SCREEN_TYPES = {
    "sign_in": "sign-in page",
    "payment": "payment page",
    "error_dialog": "error message",
    "notification": "notification",
    "settings": "settings page",
    "router_admin": "router page",
    "phone_app": "phone app",
    "table": "table",
    "empty_state": "empty page",
    "progress": "progress screen",
    "chat": "chat or mail",
    "menu": "open menu",
    "terminal": "terminal",
    "device_photo": "photo of a device",
}
"""Names in questions and answers, by id."""
