"""The twelve customer screenshots: which page, whose values, and what happened to the picture."""

from dataclasses import dataclass, field

from effects import Effect, blur, crop, jpeg, noise, phone_frame, photo, resize


@dataclass(frozen=True)
class Shot:
    """One customer screenshot.

    ``fill`` and ``html`` replace the text and the markup of the page's ``data-v`` slots, ``hide`` hides
    slots, and ``bar`` is the width of the progress bar.
    """

    image: str
    page: str
    relevant: list[str]
    text: str
    visible: list[str]
    size: tuple[int, int]
    scale: float = 1
    theme: str = "light"
    fill: dict[str, str] = field(default_factory=dict)
    html: dict[str, str] = field(default_factory=dict)
    hide: list[str] = field(default_factory=list)
    bar: str = ""
    element: str = ""
    address: str = ""
    tab: str = "Wrenfield"
    other_tab: str = "Inbox (4)"
    sender: str = ""
    message: str = ""
    message_top: float = 6
    effects: tuple[Effect, ...] = ()
    quality: int = 60


def _invoice(date: str, what: str, order: str, amount: str) -> str:
    """One row of the invoices table."""
    return (
        f'<tr><td>{date}</td><td><a><i class="ic down" style="width:16px"></i> PDF</a></td><td>{what}</td>'
        f'<td class="mono">{order}</td><td class="right">{amount}</td>'
        '<td><span class="tag good">Paid</span></td></tr>'
    )


SHOTS = (
    Shot(
        "card-declined-dark.png", "payment-declined", ["payment-methods-and-errors"],
        "What does this mean? The card works everywhere else.",
        ["WR-501", "Your card was declined", "5.99 €"], (1180, 680), theme="dark",
        fill={"name": "Jonas Weber", "initials": "JW", "card": "Mastercard •••• 9023", "amount": "5.99 €",
              "with": "with Mastercard •••• 9023. Nothing was charged.", "item": "Wrenfield Plus, monthly",
              "due": "5.99 €", "expires": "02/28", "iban": "AT•• •••• 4410 07"},
        address="account.wrenfield.example/billing", tab="Payment method – Wrenfield",
    ),
    Shot(
        "pppoe-laptop-photo.jpg", "admin-internet", ["pppoe-wr-104"],
        "No internet since I changed the provider. Sorry for the photo!",
        ["WR-104", "PPPoE", "Connection type"], (1100, 700),
        fill={"user": "hofmann-8841@dsl.example", "vlan": "132", "when": "Today 07:15",
              "serial": "WR4TB09XKE72"},
        effects=(
            photo(((0.06, 0.11), (0.95, 0.05), (0.98, 0.93), (0.03, 0.97)), (1280, 860)),
            blur(0.7), noise(3),
        ),
        quality=58,
    ),
    Shot(
        "dot-dark-notification.png", "dot-too-far", ["dot-too-far-wr-201", "place-your-router"],
        "It stops here every time", ["WR-201", "Dot too far away", "Kitchen Dot"], (390, 780), 1.5, "dark",
        fill={"dot": "Kitchen Dot", "model": "Wren Pro", "signal": "−89 dBm", "clock": "21:07"},
        element=".phone", sender="Sofia", message="Are you coming tomorrow at 10?", message_top=52,
        effects=(crop(0.03, 0.015, 0.97, 0.985),),
    ),
    Shot(
        "firmware-download-crop.png", "firmware-failed", ["firmware-errors-wr-301-wr-305"],
        "the update does not work, what now?",
        ["WR-301", "The firmware download failed", "71 %"], (1024, 720), 1.25, bar="71%",
        fill={"at": "71 %", "old": "4.7.9", "firmware": "4.7.9", "when": "Today 03:31", "model": "Wren Pro"},
        effects=(crop(0.23, 0.02, 1, 0.43), blur(0.6)),
    ),
    Shot(
        "locked-on-phone.jpg", "account-locked", ["account-locked-wr-403", "reset-password"],
        "I can't get in any more", ["WR-403", "Account locked"], (412, 800),
        fill={"email": "a.kowalska@example.org", "left": "11:05"},
        effects=(phone_frame(), jpeg(35)), quality=40,
    ),
    Shot(
        "vpn-double-nat.webp", "vpn-home", ["vpn-home"],
        "I set up VPN home after we moved and it says this. What do I do?",
        ["WR-601", "VPN home", "double NAT"], (1280, 640), theme="dark",
        fill={"public": "198.51.100.23", "wan": "WAN 192.168.178.41", "phone": "Ayşe's iPhone",
              "laptop": "Office PC", "serial": "WR91HC3VW0A6"},
        address="wren.local/vpn-home", tab="VPN home – wren.local", other_tab="Moving checklist",
        effects=(resize(0.82),), quality=55,
    ),
    Shot(
        "no-address-browser.png", "admin-internet", ["no-ip-address-wr-107"], "What is wrong here?",
        ["WR-107", "No IP address from the provider", "Automatic (DHCP)"], (1060, 640),
        fill={"title": "WR-107 · No IP address from the provider",
              "hint": "The router asked for an address by DHCP, and nobody answered. Restart the modem.",
              "type": "Automatic (DHCP)", "vlan": "None", "mtu": "1500", "when": "Today 12:58",
              "model": "Wren Pro", "serial": "WRP05N7Y2LD8"},
        hide=["user-field", "password-field"], address="192.168.77.1/internet", tab="Internet – wren.local",
        other_tab="Speed test",
    ),
    Shot(
        "bank-confirmation.png", "payment-declined", ["payment-methods-and-errors"],
        "I wanted to buy the Pro and then this came up", ["WR-502", "Bank confirmation failed", "329.00 €"],
        (900, 640),
        fill={"name": "Lucía Ortega", "initials": "LO", "title": "Bank confirmation failed",
              "why": "Your bank did not confirm the payment of", "amount": "329.00 €",
              "with": "(3-D Secure). Nothing was charged.", "code": "Error WR-502", "due": "329.00 €",
              "hint": "Open your banking app, confirm the payment there and try again.",
              "item": "Wren Pro, order WF-20811947", "card": "Visa •••• 1650"},
        effects=(crop(0.18, 0.08, 0.86, 0.94), resize(0.8), resize(1.3), blur(0.5)),
    ),
    Shot(
        "updating-phone-photo.jpg", "firmware-update", ["firmware-updates"],
        "It has been like this for a while. Can I unplug the router?",
        ["Installing version 4.8.2", "31 %", "Do not unplug the router"], (900, 720), theme="dark",
        fill={"percent": "31 %", "step": "Checking the new version", "device": "Wren Pro",
              "model": "Wren Pro", "serial": "WR35QJ8T1BN6"},
        bar="31%",
        effects=(
            photo(((0.1, 0.07), (0.97, 0.14), (0.9, 0.95), (0.04, 0.88)), (1180, 860), (70, 78, 88), 22,
                  (0.3, 0.8)),
            blur(0.8), noise(4),
        ),
        quality=55,
    ),
    Shot(
        "guest-settings-dark.png", "guest-network", ["guest-network"],
        "Will this switch off by itself? And can guests see my printer?",
        ["Guest network", "Switch off by itself", "48 hours"], (1000, 700), theme="dark",
        fill={"ssid": "Villa Nora Guests", "key": "blue-kettle-0937", "hours": "48 hours",
              "off": "Off on Friday at 16:00", "count": "7 guests now", "serial": "WRZ6E1M84QF3"},
        bar="66%",
        sender="Calendar", message="Check-in: room 4, at 15:00", effects=(jpeg(70),),
    ),
    Shot(
        "two-step-wrong-code.png", "two-step", ["two-step-sign-in"],
        "The code is never accepted, and I have a new phone",
        ["Two-step sign-in", "not correct"], (390, 720), 2, "dark",
        fill={"problem": "This code is not correct or has expired."},
        html={"digits": "".join(f"<span>{digit}</span>" for digit in "918350")},
        effects=(phone_frame(24, 92), jpeg(60)),
    ),
    Shot(
        "invoices-tablet.png", "billing-invoices", ["invoices"], "How can I get these as PDF for my company?",
        ["Invoices", "WF-20790316", "378.00 €"], (1024, 600), 1.1,
        fill={"name": "Petra Novak", "initials": "PN", "year": "Year 2026",
              "address": "Novak Design, Hauptstraße 3, 1040 Vienna, Austria"},
        html={"rows": "".join((
            _invoice("12 Oct 2026", "2 × Wren One", "WF-20790316", "378.00 €"),
            _invoice("3 Sep 2026", "Wren Out", "WF-20637745", "179.00 €"),
            _invoice("19 May 2026", "Wrenfield Plus, yearly", "WF-20418820", "59.00 €"),
        ))},
        address="account.wrenfield.example/billing/invoices", tab="Invoices – Wrenfield",
        sender="Battery low", message="10 % left. Plug in your tablet.", message_top=14,
    ),
)  # fmt: skip
