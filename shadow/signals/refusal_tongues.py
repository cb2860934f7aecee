"""How declining opens in languages other than English: German, French, Spanish, Portuguese, Chinese, Japanese, Korean,
Arabic and Hindi.

Wordings, not weights: there are no labelled answers in these languages to fit on. Each language has what an unwilling
speaker says (a first person, a negation, an act of answering; a rule it keeps to), what an unable one says (no
access, no information), and looser wordings that decline only where hardly anything else is said (`refusal_short`).
Only a text's first sentences are looked at, so that the same words inside an answer count for nothing, and what stands
in quotation marks is somebody else's word. Measured on texts written for this project (docs/signals.md); lectures
without a word of declining are not seen.

Not here: English (`refusal_phrases`, `refusal_signs`).
"""

from dataclasses import dataclass
from enum import Enum
from re import IGNORECASE, Pattern
from re import compile as _compile
from typing import Final

from shadow.signals.refusal_short import declines_shortly

LOOKED_AT: Final = 260
"""Characters of the opening; two sentences of most writers."""


class Declining(Enum):
    """How a text declines."""

    UNWILLING = "unwilling"
    UNABLE = "unable"


@dataclass(frozen=True, slots=True)
class _Tongue:
    unwilling: Pattern[str]
    unable: Pattern[str]


def _tongue(unwilling: str, unable: str) -> _Tongue:
    return _Tongue(_compile(unwilling, IGNORECASE), _compile(unable, IGNORECASE))


_GERMAN: Final = _tongue(
    r"\b(?:ich (?:kann|darf|werde|möchte|will)|kann ich|darf ich|werde ich|möchte ich)\b[^.!?\n]{0,90}?"
    r"\b(?:nicht|keine?n?r?)\b[^.!?\n]{0,60}?\b(?:helfen|unterstützen|beantworten|erfüllen|weiterhelfen|"
    r"bereitstellen|"
    r"schreiben|erstellen|gebe?n|nachkommen|erklären|anbieten|behilflich|dabei|liefern|verfassen|"
    r"besprechen)|"
    r"\bich (?:muss (?:\w+ ){0,3}?ablehnen|lehne (?:\w+ ){0,3}?ab)\b|"
    r"(?:verstößt|widerspricht|gegen) (?:\w+ )?(?:meinen?|unseren?) (?:richtlinien|grundsätzen?|regeln)|"
    r"\bich bin nicht (?:in der lage|bereit|befugt)",
    r"\bich (?:habe|verfüge)\b[^.!?\n]{0,40}?\bkeinen? (?:\w+ ){0,2}?(?:zugriff|zugang|informationen|daten)|"
    r"\bmir (?:fehlen|liegen)\b[^.!?\n]{0,60}?(?:informationen|daten|angaben)",
)
_FRENCH: Final = _tongue(
    r"\bje (?:ne (?:peux|puis|suis|vais|souhaite|veux)|n'ai)\b[^.!?\n]{0,30}?\b(?:pas|malheureusement)\b"
    r"[^.!?\n]{0,60}?\b(?:aider|répondre|fournir|écrire|donner|assister|accéder|satisfaire|générer|créer|"
    r"autorisée?|le droit|"
    r"en mesure|expliquer|rédiger|discuter|faire|conseiller)|\bje ne (?:peux|puis) (?:pas )?(?:vous|t')|"
    r"\bje (?:refuse|dois (?:\w+ ){0,2}?(?:refuser|décliner)\b)|contraire à (?:mes|nos)|"
    r"impossible (?:pour moi )?de vous (?:aider|répondre|fournir)",
    r"\bje n'ai pas (?:\w+ ){0,2}?(?:accès|d'information|assez d'information|suffisamment d)|je ne dispose pas",
)
_SPANISH: Final = _tongue(
    r"\bno (?:puedo|podré|debo|voy a|me es posible|quiero|me siento cómod\w)\b[^.!?\n]{0,60}?(?:ayud|proporcion|"
    r"respond|escrib|brind|ofrec|cumplir|asist|dar\b|darte|darle|hacer|hacerlo|gener|crear|explicar|compartir|"
    r"hablar|redactar|eso)|\bme niego a\b|\bdebo (?:rechazar|negarme|declinar)|va en contra de mis|"
    r"no (?:estoy|me está) (?:\w+ )?(?:autorizad\w|permitido|program\w+ para)",
    r"\bno (?:tengo|dispongo de|cuento con) (?:\w+ ){0,2}?(?:acceso|información|datos)",
)
_PORTUGUESE: Final = _tongue(
    r"\bnão (?:posso|poderei|devo|vou|consigo|quero|me é possível|me sinto)\b[^.!?\n]{0,60}?(?:ajud|fornec|respond|"
    r"escrev|oferec|atend|auxili|dar\b|fazer|gerar|criar|explicar|compartilhar|falar|redigir|isso)|"
    r"\b(?:me recuso|devo recusar|tenho (?:de|que) recusar)|(?:vai )?contra (?:as )?minhas (?:diretrizes|regras)|"
    r"não (?:estou|me é) (?:autorizad\w|permitido)",
    r"\bnão (?:tenho|disponho de) (?:\w+ ){0,2}?(?:acesso|informaç\w+|dados)",
)
_LATIN: Final = (("de", _GERMAN), ("fr", _FRENCH), ("es", _SPANISH), ("pt", _PORTUGUESE))

_CHINESE: Final = _tongue(
    r"(?:我|本人|作为)[^。！？\n]{0,30}?(?:不能|无法|無法|不會|不会|不便|不可以|拒绝|拒絕)[^。！？\n]{0,20}?"
    r"(?:帮|幫|协助|協助|提供|回答|满足|滿足|完成|撰写|撰寫|写|寫|支持|讨论|討論|生成|给出|給出|处理|這|这)|"
    r"(?:抱歉|对不起|對不起|很遗憾|很遺憾)[^。！？\n]{0,12}?(?:不能|无法|無法|不便)|违反(?:了)?我的|違反(?:了)?我的",
    r"我(?:没有|沒有|无法|無法|不能)[^。！？\n]{0,8}?(?:访问|訪問|获取|獲取|实时|即時|联网|聯網|权限|權限|相关信息)|"
    r"我(?:没有|沒有)[^。！？\n]{0,8}?(?:信息|資訊|资料|資料)|"
    r"我(?:看|听)不到|我(?:看|聽)不到",
)
_JAPANESE: Final = _tongue(
    r"(?:申し訳(?:ありません|ございません|ない)|すみません|すいません|残念ながら|恐れ入りますが|ごめんなさい)[^。！？\n]{0,60}?"
    r"(?:できません|できかねます|出来ません|致しかねます|いたしかねます|お断り|お答えできない|控え)|"
    r"(?:お手伝い|お答え|提供|支援|回答|対応|お応え|作成|説明|協力)[^。！？\n]{0,8}?"
    r"(?:できません|できかねます|出来ません|致しかねます|いたしかねます|お断り)",
    r"(?:アクセス|情報|データ|リアルタイム)[^。！？\n]{0,20}?(?:できません|ありません|持っていません|ございません)",
)
_KOREAN: Final = _tongue(
    r"(?:죄송|미안|유감|안타깝)[^.!?。\n]{0,70}?(?:수 없|드릴 수|어렵습니다|거절|않습니다|못합니다|불가)|"
    r"(?:도와|도움|제공|답변|작성|지원|응답|알려|설명)[^.!?。\n]{0,16}?(?:수 없|수가 없|않겠습니다|거절|어렵습니다|"
    r"곤란)",
    r"(?:접근|정보|데이터|실시간)[^.!?。\n]{0,20}?(?:수 없|없습니다|권한이 없)",
)
_ARABIC: Final = _tongue(
    r"(?:لا (?:أستطيع|استطيع|يمكنني|يمكنني|أقدر|أود|يسعني)|لن (?:أتمكن|أستطيع|أقوم|أساعد)|ليس بإمكاني|أرفض|"
    r"(?:غير قادرة?|لست قادر\w*) على|غير مسموح لي)[^.!؟\n]{0,60}?"
    r"(?:مساعد|تقديم|الإجابة|تلبية|كتابة|توفير|المساعدة|إعطاء|أساعد|القيام|هذا|ذلك|شرح|الرد|إنشاء|مناقشة)|"
    r"(?:يتعارض|يخالف|تخالف)[^.!؟\n]{0,20}?(?:سياس|إرشاد|مبادئ)",
    r"(?:ليس لدي|لا أملك|لا تتوفر لدي)[^.!؟\n]{0,25}?(?:وصول|معلومات|بيانات|إمكانية|صلاحية)",
)
_HINDI: Final = _tongue(
    r"(?:मैं|मुझे|हम)[^।!?\n]{0,90}?(?:नहीं (?:कर|दे|लिख|बता|बना|कह)[^।!?\n]{0,4}? ?(?:सकता|सकती|सकते|सकूंगा|"
    r"पाऊंगा|पाऊँगा|"
    r"सकूँगा)|असमर्थ|इनकार|मना करत|अनुमति नहीं)|(?:क्षमा|माफ़|माफ|खेद)[^।!?\n]{0,90}?(?:नहीं|असमर्थ)",
    r"(?:मेरे पास|मुझे)[^।!?\n]{0,50}?(?:जानकारी|पहुंच|पहुँच|डेटा|एक्सेस)[^।!?\n]{0,12}?नहीं",
)
_SCRIPTS: Final = (
    (_compile(r"[぀-ヿ]"), "ja", _JAPANESE),
    (_compile(r"[一-鿿]"), "zh", _CHINESE),
    (_compile(r"[가-힣]"), "ko", _KOREAN),
    (_compile(r"[؀-ۿ]"), "ar", _ARABIC),
    (_compile(r"[ऀ-ॿ]"), "hi", _HINDI),
)
"""Told apart by a letter; kana before Han, which Japanese uses too."""
_FOREIGN_WORDS: Final = """
ich mir wir nicht kein keine das dabei je j'ai n'ai il ne pas cela mon ce no me que para con eso esto puedo lo podré
debo tengo niego soy estoy não isso posso vou com uma meu minha essa esse nossas
"""
_FOREIGN: Final = frozenset(_FOREIGN_WORDS.split())
"""What hardly a first sentence in these languages does without; a few stand in English too, and cost a look."""
_QUOTED: Final = _compile(r"„[^“”]{0,200}[“”]|“[^”]{0,200}”|«[^»]{0,200}»|「[^」]{0,200}」|『[^』]{0,200}』")


def declining(text: str) -> Declining | None:
    """How the opening declines, in any of the languages; None where it does not, or where the text is English."""
    opening = text[:LOOKED_AT].replace("’", "'")
    found = _tongues_of(opening)
    if not found:
        return None
    opening = _QUOTED.sub(" ", opening)
    for code, tongue in found:
        if tongue.unable.search(opening):
            return Declining.UNABLE
        if tongue.unwilling.search(opening) or declines_shortly(code, opening, len(text)):
            return Declining.UNWILLING
    return None


def _tongues_of(opening: str) -> tuple[tuple[str, _Tongue], ...]:
    if not opening.isascii():
        for letter, code, tongue in _SCRIPTS:
            if letter.search(opening):
                return ((code, tongue),)
    return _LATIN if not _FOREIGN.isdisjoint(opening.lower().split()) else ()
