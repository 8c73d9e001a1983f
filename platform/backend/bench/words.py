"""What a synthetic history is told with, and the SQL that puts it together.

Every statement of a history joins `WORDS`: one row, whose columns are arrays of 32 texts. A text of
any length is made of such sentences, by chance and without a function call per sentence.
"""

from bench.plan import Dice

SENTENCES = (
    "The tide clocks ran eleven minutes slow again, and nobody on the quay would say why aloud.",
    "She counted the seed drawers twice, wrote the smaller number down and kept the larger one.",
    "Nobody had told the desalination crew that the vote was over, so they went on with the work.",
    "A second moon of mirrors rose over the ridge and turned the wet fields the colour of tin.",
    "He asked the archive for his mother's voice, and it answered in the dialect of the highlands.",
    "The last freight kite of the season came down with frost on its lines and half of its load.",
    "Every lock in the quarter opened at noon, as agreed, and for an hour people simply walked in.",
    "They traded the old river maps for salt; the river had not kept its side of the bargain.",
    "The council heard both sides, then the glacier, whose advocate spoke longest of all.",
    "It takes nine years to grow a bridge from mangrove, and only one dry summer to lose it all.",
    "The children named the drones after saints, and by autumn the drones answered to those names.",
    "Under the market the servers hummed in cold water, and eels had learned to sleep beside them.",
    "Her permit to dream was renewed without a hearing, which frightened her more than a refusal.",
    "The café by the reactor keeps a table free for the man who switched it off in the bad winter.",
    "When the fever maps went dark, the midwives drew new ones by hand — and theirs were better.",
    "An honest ledger is a weapon here: three ministries have fallen to a clerk with good eyes.",
    "The orbital tenants pay their rent in shade, and the price of shade went up again on Tuesday.",
    "No one alive has seen the original treaty, though everyone can recite the clause about bees.",
    "He repaired the rain with a borrowed wrench, laughing, while the queue behind him grew long.",
    "We agreed to forget the password together, all forty of us, on the night of the long eclipse.",
    "The wind union struck for quieter blades, and the cities found they could sleep without fans.",
    "Between the two stations lies a day of silence that the timetable lists as an ordinary stop.",
    "A translator who cannot lie is useless at a wedding, and so the families sent theirs outside.",
    "The lichen on the north wall spells out the pressure of the dome for whoever learns to read.",
    "His debt was older than the currency; they settled it in the end with a boat and an apology.",
    "The ferry no longer crosses at night, because the far bank is not always where it used to be.",
    "She taught the harvest machines to stop for hares, and yields went up by a tenth in a year.",
    "Memory is taxed above the third generation, so grandmothers whisper, and the tax men knit.",
    "The museum of weather lends out its storms on weekdays; bring a coat and someone you trust.",
    "Two suns of gas light burned over Malmö, and under them the divers argued about the old seal.",
    "What the census calls an empty district holds four choirs, a foundry and a school for glass.",
    "By spring the border had moved a hand's breadth north, and the apricots had moved along too.",
)

ADJECTIVES = (
    *("amber", "brackish", "candid", "drowned", "earnest", "fallow", "gilded", "hollow"),
    *("idle", "jagged", "kindred", "lucid", "molten", "narrow", "oblique", "patient"),
    *("quiet", "restless", "salted", "tidal", "umber", "vagrant", "weathered", "austere"),
    *("borrowed", "cobalt", "distant", "errant", "feral", "glass", "hushed", "woven"),
)

NOUNS = (
    *("almanac", "beacon", "canal", "delta", "ember", "ferry", "granary", "harbour"),
    *("isthmus", "jetty", "kiln", "lantern", "meridian", "needle", "orchard", "parallax"),
    *("quarry", "reactor", "spire", "tariff", "updraft", "viaduct", "watershed", "yard"),
    *("archive", "bellows", "compass", "dome", "estuary", "foundry", "glacier", "horizon"),
)

GIVEN_NAMES = (
    *("Adaeze", "Bjarki", "Chiara", "Dmitri", "Esperança", "Farid", "Gudrún", "Hana"),
    *("Imre", "Joaquín", "Kavya", "Lindiwe", "Mateus", "Noor", "Oluchi", "Petra"),
    *("Quillon", "Rosalind", "Søren", "Tamsin", "Ulrike", "Vikram", "Wanjiru", "Xiomara"),
    *("Yusuf", "Zdeněk", "Anneke", "Baptiste", "Citlali", "Deepika", "Emeka", "Freydís"),
)

FAMILY_NAMES = (
    *("Abara", "Brandt", "Castellanos", "Dufresne", "Eriksen", "Ferreira", "Goh", "Haddad"),
    *("Ibarra", "Jørgensen", "Kowalski", "Lindqvist", "Mbeki", "Nakamura", "Okonkwo", "Petrov"),
    *("Quispe", "Rautio", "Sandoval", "Tanaka", "Uysal", "Vance", "Weiss", "Ximénez"),
    *(
        "Yamada",
        "Zielińska",
        "Achterberg",
        "Bose",
        "Cárdenas",
        "Dragomir",
        "Echeverría",
        "Fofana",
    ),
)

ROLES = (
    *("tide reader", "lock keeper", "seed archivist", "kite pilot", "glass farmer"),
    *("debt mediator", "reef mason", "fever mapper", "weather librarian", "signal diver"),
    *("mirror tuner", "ferry master", "lichen reader", "salt broker", "bridge grower"),
    *("night teacher", "advocate for a glacier", "drone shepherd", "oath translator"),
    *("reactor warden", "memory auditor", "canal surgeon", "wind delegate", "choir leader"),
    *("border gardener", "clock mender", "eel herder", "quarantine cook", "orbital tenant"),
    *("well digger", "census walker", "foundry apprentice"),
)

_MASK = len(SENTENCES) - 1  # a power of two less one: a bit mask takes a word from a hash


def _array(words: tuple[str, ...]) -> str:
    assert len(words) == len(SENTENCES), "all arrays are drawn from alike"
    return "ARRAY[" + ", ".join("'" + word.replace("'", "''") + "'" for word in words) + "]"


WORDS = f"""(
    SELECT {_array(SENTENCES)} AS sentences, {_array(ADJECTIVES)} AS adjectives,
        {_array(NOUNS)} AS nouns, {_array(GIVEN_NAMES)} AS given_names,
        {_array(FAMILY_NAMES)} AS family_names, {_array(ROLES)} AS roles
) AS words"""


def word(dice: Dice, of: str, label: str, n: str) -> str:
    """One text of an array of `WORDS`."""
    return f"words.{of}[1 + ({dice.hash(label, n)} & {_MASK})::int]"


def prose(dice: Dice, label: str, n: str, least: int, most: int | None = None) -> str:
    """A text of `least` to `most` sentences, each of 80 to 99 characters."""
    sentences = [
        word(dice, "sentences", f"{label} {position}", n) for position in range(most or least)
    ]
    length = dice.chance(f"{label} length", n)
    for position in range(least, len(sentences)):
        share = (len(sentences) - position) / (len(sentences) - least + 1)
        sentences[position] = f"CASE WHEN {length} < {share} THEN {sentences[position]} END"
    return f"concat_ws(' ', {', '.join(sentences)})"


def title(dice: Dice, label: str, n: str) -> str:
    """A name for a place or a text: "The Drowned Almanac"."""
    adjective = word(dice, "adjectives", f"{label} adjective", n)
    noun = word(dice, "nouns", f"{label} noun", n)
    return f"'The ' || initcap({adjective} || ' ' || {noun})"


def person(dice: Dice, label: str, n: str) -> str:
    """A full name."""
    given = word(dice, "given_names", f"{label} given", n)
    return f"{given} || ' ' || {word(dice, 'family_names', f'{label} family', n)}"
