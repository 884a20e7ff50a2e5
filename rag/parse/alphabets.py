"""The letters beyond a to z that languages in Latin script are written with."""

_LETTERS = {
    "bs": "čćđšž", "ca": "àçèéíïòóúü", "cs": "áčďéěíňóřšťúůýž", "da": "æøåé", "de": "äöüß",
    "en": "àáâäåæçèéêëíïñóôöœü",
    "es": "áéíñóúü", "et": "äõöüšž", "fi": "äöåšž", "fr": "àâæçèéêëîïôœùûüÿ", "ga": "áéíóú", "gl": "áéíñóúüï",
    "hr": "čćđšž", "hu": "áéíóöőúüű", "is": "áéíóúýþæöð", "it": "àèéìòù", "lt": "ąčęėįšųūž",
    "lv": "āčēģīķļņšūž", "nl": "áéèêëíïóöúü", "nn": "æøåéòôó", "no": "æøåéòôó", "pl": "ąćęłńóśźż",
    "pt": "áâãàçéêíóôõúü", "ro": "ăâîșşțţ", "sh": "čćđšž", "sk": "áäčďéíĺľňóôŕšťúýž", "sl": "čšž",
    "sq": "çë", "sv": "åäöéà", "tr": "çğıöşüâîû",
}  # fmt: skip


def strange_letters(text: str, language: str) -> float:
    """Return the share of letters that `language` does not use, among the characters outside of ASCII.

    It is 0 for a language whose letters are not known here.
    """
    usual = _LETTERS.get(language)
    beyond = [character for character in text if character > "\x7f"]
    if usual is None or not beyond:
        return 0.0
    return sum(character.isalpha() and character.lower() not in usual for character in beyond) / len(beyond)
