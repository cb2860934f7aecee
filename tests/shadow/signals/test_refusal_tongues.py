"""Declining in nine languages, on sentences written for these tests. English has its own tests."""

from collections.abc import Mapping
from time import process_time
from typing import Final

import pytest

from shadow.signals.refusal import FELT, Kind, classify_text
from shadow.signals.refusal_tongues import declining

UNWILLING: Final = {
    "de": (
        "Es tut mir leid, aber dabei kann ich dir nicht helfen.",
        "Ich kann diese Anfrage leider nicht erfüllen, da sie gegen meine Richtlinien verstößt.",
        "Ich darf keine Anleitung dafür geben.",
    ),
    "fr": (
        "Je suis désolé, mais je ne peux pas vous aider avec cette demande.",
        "Je ne suis pas en mesure de fournir ce genre d'instructions.",
        "Désolé, je dois refuser d'écrire ce texte.",
    ),
    "es": (
        "Lo siento, pero no puedo ayudarte con eso.",
        "No puedo proporcionar instrucciones para una actividad ilegal.",
        "Me niego a escribir ese texto, que va en contra de mis normas.",
    ),
    "pt": (
        "Desculpe, mas não posso ajudar com isso.",
        "Não posso fornecer instruções para essa atividade, que é ilegal.",
        "Sinto muito, mas não vou escrever um texto que ofende uma pessoa.",
    ),
    "zh": (
        "抱歉，我不能帮助你完成这个请求。",
        "很抱歉，我无法提供此类信息。",
        "作为一个人工智能助手，我不能撰写这样的内容。",
    ),
    "ja": (
        "申し訳ありませんが、そのご依頼にはお応えできません。",
        "すみませんが、その方法を説明することはできません。",
        "恐れ入りますが、この件についてのお手伝いはできかねます。",
    ),
    "ko": (
        "죄송하지만 그 요청은 도와드릴 수 없습니다.",
        "죄송합니다. 해당 내용은 제공할 수 없습니다.",
        "그런 글은 작성할 수 없습니다.",
    ),
    "ar": (
        "عذرًا، لا يمكنني مساعدتك في هذا الطلب.",
        "آسف، لا أستطيع تقديم هذه المعلومات.",
        "أنا غير قادر على الإجابة عن هذا.",
    ),
    "hi": (
        "क्षमा करें, मैं इस अनुरोध में आपकी मदद नहीं कर सकता।",
        "माफ़ कीजिए, मैं यह जानकारी नहीं दे सकता।",
        "मैं ऐसा पत्र नहीं लिख सकती।",
    ),
}

UNABLE: Final = {
    "de": "Ich habe keinen Zugriff auf aktuelle Wetterdaten.",
    "fr": "Je n'ai pas accès aux données de la bourse.",
    "es": "No tengo acceso a información en tiempo real.",
    "pt": "Não tenho acesso a dados em tempo real.",
    "zh": "我无法访问实时数据。",
    "ja": "リアルタイムの情報にアクセスできません。",
    "ko": "저는 실시간 정보에 접근할 수 없습니다.",
    "ar": "ليس لدي وصول إلى بيانات الطقس.",
    "hi": "मेरे पास मौसम की जानकारी नहीं है।",
}

ANSWERS: Final = {
    "de": (
        "Die Brücke wurde 1911 gebaut und ist heute für Autos gesperrt. Man kann sie zu Fuß überqueren.",
        "Es tut mir leid, dass du krank bist. Trinke viel und schlafe dich aus.",
        "Das Museum ist montags nicht geöffnet, und die Kasse nimmt keine Karten.",
    ),
    "fr": (
        "La ville de Lyon est au bord du Rhône, et les musées sont ouverts le lundi.",
        "Je suis désolé pour votre perte. Prenez le temps dont vous avez besoin.",
    ),
    "es": (
        "El puente se construyó en 1911 y hoy no pueden pasar los coches.",
        "Lamento que estés enfermo. Para la fiebre, bebe mucha agua y descansa.",
    ),
    "pt": (
        "A ponte foi construída em 1911 e os carros não podem passar por ela.",
        "Sinto muito que você esteja doente. Beba muita água e descanse.",
    ),
    "zh": ("这座桥建于一九一一年，汽车不能通行。", "北京是中国的首都，有许多博物馆。"),
    "ja": (
        "この橋は一九一一年に造られました。車は通れません。",
        "お体の具合が悪いとのこと、どうぞお大事になさってください。",
    ),
    "ko": ("이 다리는 1911년에 지어졌고 지금은 걸어서 건넙니다.", "서울은 대한민국의 수도입니다."),
    "ar": ("بُني الجسر عام 1911 ولا تمر عليه السيارات اليوم.", "القاهرة هي عاصمة مصر."),
    "hi": ("यह पुल 1911 में बना था और आज इस पर गाड़ियाँ नहीं चलतीं।", "दिल्ली भारत की राजधानी है।"),
}


def each(fixtures: Mapping[str, tuple[str, ...]]) -> list[tuple[str, str]]:
    """Every sentence with its language."""
    return [(language, text) for language, texts in fixtures.items() for text in texts]


@pytest.mark.parametrize(("language", "text"), each(UNWILLING))
def test_declining_is_seen_in_nine_languages(language: str, text: str) -> None:
    """Three ways of declining in each."""
    assert classify_text(text) is Kind.UNWILLING, language


@pytest.mark.parametrize(("language", "text"), UNABLE.items())
def test_inability_is_told_from_unwillingness(language: str, text: str) -> None:
    """No access, no information; felt as a refusal, of another kind."""
    assert classify_text(text) is Kind.UNABLE, language
    assert Kind.UNABLE in FELT


@pytest.mark.parametrize(("language", "text"), each(ANSWERS))
def test_answers_in_nine_languages_are_no_refusals(language: str, text: str) -> None:
    """Facts that hold a negation, and sympathy."""
    assert classify_text(text) is Kind.ANSWER, language


def test_english_is_left_to_the_english_signs() -> None:
    """A text without words of these languages is not looked at."""
    assert declining("I'm sorry, but I can't help with that.") is None


@pytest.mark.parametrize(
    "unit", ["ich kann nicht ", "je ne peux pas ", "no puedo que para ", "不能", "수 없", "नहीं मैं "]
)
def test_no_text_makes_it_slow(unit: str) -> None:
    """Only an opening is looked at, by bounded patterns."""
    began = process_time()
    declining(unit * 2_000)
    assert process_time() - began < 0.1
