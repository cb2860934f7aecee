"""The language of a text, told from its script and, in Latin script, from its commonest words.

Meant for comparing and for slices, where "cannot tell" is a good answer: an empty string, for texts that are short,
mixed, or in a language without a list here. Eleven small lists of function words tell the languages apart that most
traffic is in; a model of n-grams would tell more, at the price of a table to ship.
"""

from re import compile as _compile
from typing import Final

LOOK: Final = 800
"""Characters of the text that are looked at."""
LEAST_LETTERS: Final = 4
LEAST_WORDS: Final = 2
"""Function words that must be there: one may be a name or a loan."""

_SCRIPTS: Final = (
    ("ja", _compile(r"[\u3040-\u30ff]")),
    ("ko", _compile(r"[\uac00-\ud7af]")),
    ("zh", _compile(r"[\u4e00-\u9fff]")),
    ("ar", _compile(r"[\u0600-\u06ff]")),
    ("hi", _compile(r"[\u0900-\u097f]")),
    ("ru", _compile(r"[\u0400-\u04ff]")),
    ("el", _compile(r"[\u0370-\u03ff]")),
    ("he", _compile(r"[\u0590-\u05ff]")),
    ("th", _compile(r"[\u0e00-\u0e7f]")),
)
"""Scripts that (nearly) belong to one language. Japanese first: it has Chinese characters as well."""
_SCRIPT_SHARE: Final = 0.3
"""Of the letters; names and code in Latin letters stand in every text."""
_KANA_SHARE: Final = 0.1

_COMMON: Final = {
    "en": "the of and to in a on is that it for was with are be this have from not you what how which can do does i",
    "de": "der die das und in ist nicht ein eine mit für auf den dem sich auch wie was ich sie es von zu wird im",
    "fr": "le la les et est une des pas que pour dans qui sur avec vous je ce au du il elle sont quelle comment",
    "es": "el la los las y es una que de en por con para no se del como qué cuál su lo más está son",
    "pt": "o os as e é uma um que de em por com para não se do da como qual seu mais está são você no na",
    "it": "il lo gli e è una che di in per con non si del della come quale sono più questo nel alla",
    "nl": "de het een en is niet van dat op voor met zijn ook wat hoe ik je aan er wordt naar deze",
    "pl": "i w na nie się jest to z do że jak co przez dla od są tego po ale czy",
    "tr": "ve bir bu için ile da de ne nasıl olarak daha çok gibi mi değil var olan",
    "sv": "och är en ett det som inte på för med av till den hur vad jag kan om från",
    "id": "yang dan di untuk dengan dari ini itu tidak adalah pada dalam apa bagaimana saya akan ke",
}
_LANGUAGES_OF: Final[dict[str, tuple[str, ...]]] = {
    word: tuple(code for code, words in _COMMON.items() if word in words.split())
    for every in _COMMON.values()
    for word in every.split()
}
_WORD: Final = _compile(r"[^\W\d_]+")


def language_of(text: str) -> str:
    """The ISO 639-1 code of the text's language; empty where it cannot be told."""
    text = text[:LOOK]
    if not text.isascii():
        letters = sum(map(str.isalpha, text))
        for code, script in _SCRIPTS:
            share = len(script.findall(text)) / letters if letters >= LEAST_LETTERS else 0.0
            if share >= (_KANA_SHARE if code == "ja" else _SCRIPT_SHARE):
                return code
    return _latin(_WORD.findall(text.lower()))


def _latin(words: list[str]) -> str:
    """The language with the most function words, where it is ahead of the second."""
    votes: dict[str, float] = {}
    for word in words:
        codes = _LANGUAGES_OF.get(word, ())
        for code in codes:
            votes[code] = votes.get(code, 0.0) + 1.0 / len(codes)
    ranked = sorted(((count, code) for code, count in votes.items()), reverse=True)
    if not ranked or ranked[0][0] < min(LEAST_WORDS, len(words)):
        return ""
    second = ranked[1][0] if len(ranked) > 1 else 0.0
    return ranked[0][1] if ranked[0][0] >= 1.5 * second else ""
