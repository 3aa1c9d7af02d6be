"""A browser's own long description in two words: 微信 · Android."""

from __future__ import annotations

BROWSERS = (
    ("MicroMessenger", "微信"),
    ("DingTalk", "钉钉"),
    ("Edg", "Edge"),
    ("QQBrowser", "QQ 浏览器"),
    ("Firefox", "Firefox"),
    ("Chrome", "Chrome"),
    ("Safari", "Safari"),
)
SYSTEMS = (
    ("HarmonyOS", "鸿蒙"),
    ("Android", "Android"),
    ("iPhone", "iPhone"),
    ("iPad", "iPad"),
    ("Windows", "Windows"),
    ("Mac OS", "Mac"),
    ("Linux", "Linux"),
)


def device_word(agent: str) -> str:
    """Return browser and system named in a ``User-Agent`` head, 未知设备 when neither is known."""
    found = [next((word for sign, word in table if sign in agent), "") for table in (BROWSERS, SYSTEMS)]
    return " · ".join(word for word in found if word) or "未知设备"
