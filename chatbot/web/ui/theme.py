"""Colours and type of the page; spacing and layout are in `style.css`."""

import gradio as gr

_SANS = (gr.themes.LocalFont("IBM Plex Sans", weights=(400, 700)), "system-ui", "sans-serif")
_MONO = (gr.themes.LocalFont("IBM Plex Mono", weights=(400, 700)), "ui-monospace", "monospace")


def make_theme() -> gr.themes.Base:
    """A quiet green on neutral grey; every pair of colours is readable in light and in dark."""
    theme = gr.themes.Default(
        primary_hue="emerald", neutral_hue="zinc", radius_size="lg", font=_SANS, font_mono=_MONO
    )
    return theme.set(
        body_background_fill="#fafafa",
        body_background_fill_dark="#111113",
        body_text_color_subdued="#52525b",
        body_text_color_subdued_dark="#a9a9b2",
        block_label_text_color="#52525b",
        block_label_text_color_dark="#c4c4cc",
        block_info_text_color="#52525b",
        block_info_text_color_dark="#a9a9b2",
        block_shadow="none",
        block_shadow_dark="none",
        input_placeholder_color="#6b6b75",
        input_placeholder_color_dark="#a1a1aa",
        input_border_color_focus="*primary_600",
        input_border_color_focus_dark="*primary_400",
        color_accent="#047857",
        color_accent_soft="#e7f5ef",
        color_accent_soft_dark="#12332a",
        border_color_accent_subdued="#cfe9de",
        border_color_accent_subdued_dark="#1d4a3c",
        border_color_primary_dark="#3a3a41",
        background_fill_secondary="#ffffff",
        background_fill_secondary_dark="#1d1d20",
        block_background_fill_dark="#18181b",
        button_primary_background_fill="#047857",
        button_primary_background_fill_hover="#065f46",
        button_primary_background_fill_dark="#047857",
        button_primary_background_fill_hover_dark="#065f46",
        button_primary_text_color="#ffffff",
        link_text_color="#047857",
        link_text_color_hover="#065f46",
        link_text_color_visited="#047857",
        link_text_color_dark="#6ee7b7",
        link_text_color_hover_dark="#a7f3d0",
        link_text_color_visited_dark="#6ee7b7",
    )
