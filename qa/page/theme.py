"""Paper and ink: the colours and fonts that the page gives to Gradio's blocks."""

from __future__ import annotations

import gradio as gr


def theme() -> gr.themes.Base:
    """Paper and ink, in the fonts of the reader's own machine: Gradio's themes fetch theirs from elsewhere."""
    serif = ["Charter", "Bitstream Charter", "Iowan Old Style", "Palatino Linotype", "Georgia", "serif"]
    paper = gr.themes.Base(
        primary_hue=gr.themes.colors.neutral, neutral_hue=gr.themes.colors.stone, font=serif,
        font_mono=["ui-monospace", "SFMono-Regular", "Menlo", "Consolas", "monospace"],
    )
    return paper.set(
        body_background_fill="#fbfaf6", body_background_fill_dark="#17171a",
        body_text_color="#1d1b18", body_text_color_dark="#ece8e0",
        body_text_color_subdued="#5f5a52", body_text_color_subdued_dark="#aaa499",
        background_fill_primary="#ffffff", background_fill_primary_dark="#1f1f23",
        background_fill_secondary="#f4f1ea", background_fill_secondary_dark="#26262b",
        border_color_primary="#ddd7cb", border_color_primary_dark="#3a3a41",
        block_background_fill="transparent", block_background_fill_dark="transparent",
        block_border_width="0px", block_shadow="none", block_label_text_color="*body_text_color_subdued",
        block_label_text_color_dark="*body_text_color_subdued",
        input_background_fill="#ffffff", input_background_fill_dark="#1f1f23",
        input_border_color="#8d867a", input_border_color_dark="#77726a", input_placeholder_color="#6d675e",
        input_placeholder_color_dark="#a09a8f",
        button_primary_background_fill="#1f3a5f", button_primary_background_fill_dark="#b9cde8",
        button_primary_background_fill_hover="#16304f", button_primary_background_fill_hover_dark="#d3e0f2",
        button_primary_text_color="#ffffff", button_primary_text_color_dark="#14202f",
    )  # fmt: skip
