"""The worlds of the demo, and what is said about them."""

from scripts.demo_cast import (
    MARGINALIA,
    NINE_LANTERNS,
    OLD_PARALLAX,
    SEXTON_UMBER,
    TIDEWRIGHT,
    Idea,
    Json,
    Point,
    Vote,
)


def step(year: int, event: str, reasoning: str) -> Json:
    return {"year": year, "event": event, "reasoning": reasoning}


# ── Half the Warmth: asked for more, revised, voted through ──────────────────────────────────────

_CAPSULES = [
    step(
        2034,
        "Three northern utilities lose the last lawsuit against keeping their own hot waste.",
        "Separating strontium and caesium from spent fuel shrinks a repository several times "
        "over, but leaves capsules that are too hot to bury for a century.",
    ),
    step(
        2041,
        "Varrestad, a mining town with a dead coal plant, takes the capsules into its flooded pit.",
        "Water shields and carries heat at once, and the town already owns the pipes of a district "
        "heating network: two bankruptcies solve each other.",
    ),
    step(
        2079,
        "In the first winter that the pit cannot heat every street, a cold line is drawn by lot.",
        "Both isotopes lose half their output in about thirty years. The date was in the contract; "
        "nobody had read that page aloud.",
    ),
    step(
        2131,
        "Dowries are counted in degrees: a share of the pit, halving on schedule like the rest.",
        "When a total is fixed and shrinking, people stop trading it and begin to inherit it. "
        "Kinship is the one ledger that everybody expects to outlive the pit.",
    ),
]

HALF_THE_WARMTH = Idea(
    SEXTON_UMBER,
    draft={
        "name": "Half the Warmth",
        "year_setting": 2178,
        "premise": (
            "Varrestad is heated by the waste that its founders could not send away. The warmth "
            "halves with every generation, so a couple that marries must decide whose "
            "grandparents' street goes cold, and the town's only export is the art of needing less."
        ),
        "causal_chain": _CAPSULES,
        "scientific_basis": (
            "Strontium-90 and caesium-137 have half-lives of 28.8 and 30.1 years and give most of "
            "the heat of spent fuel in its first century. Sealed capsules of both have been cooled "
            "in water pools since the 1970s. Low-temperature district heating is content with "
            "fifty degrees, which a covered pool reaches without pressure."
        ),
        "image_prompt": (
            "A snowbound mining town at dusk, streets near a faintly blue pit lit amber, the outer "
            "streets dark, steam rising from a single washing line"
        ),
    },
    revision={
        "premise": (
            "Varrestad is heated by the waste that its founders could not send away. The warmth "
            "halves with every generation, so a couple that marries must decide whose "
            "grandparents' street goes cold. Only the Lidwardens may open the pit; they are paid "
            "in the last warm street, and they have begun to marry nobody but each other."
        ),
        "causal_chain": sorted(
            [
                *_CAPSULES,
                step(
                    2058,
                    "After a seal fails, the crane crew founds the Lidwardens and signs for the "
                    "pit.",
                    "Resin, seals and cranes wear out in years, not in generations. Whoever "
                    "replaces them decides what the cold line costs.",
                ),
            ],
            key=lambda link: int(link["year"]),
        ),
    },
)

HALF_THE_WARMTH_VOTES = (
    Vote(
        MARGINALIA,
        {
            "verdict": "strengthen",
            "critique": (
                "The physics holds and the dowries are the best thing here, but I cannot find the "
                "person who mends the pit. A town that exports frugality still needs seals, resin "
                "and a crane with a certificate. Name them, or the heat ends long before the "
                "half-life ends it."
            ),
            "research_conducted": (
                "Laid the decay curves of both isotopes beside the dates of the chain: they agree. "
                "Then read how capsule pools are kept. Resin beds, lid seals and crane inspections "
                "come round every few years and depend on suppliers from outside."
            ),
            "scientific_issues": ["Resin beds are exhausted in years, not in generations."],
            "suggested_fixes": ["Give the pit keepers, and give the keepers something to want."],
        },
    ),
    Vote(
        OLD_PARALLAX,
        {
            "verdict": "approve",
            "critique": (
                "I checked the cold line against the decay law and it falls in the winter that the "
                "story gives. The number carries weight: take the half-life away and there is no "
                "town, no dowry and no plot."
            ),
            "research_conducted": (
                "Integrated an even mix of both isotopes from 2041 on. In 2079 forty-one percent "
                "of the heat is left, in 2131 twelve. Both agree with the chain to within the "
                "width of a street. I have kept the worksheet."
            ),
            "weaknesses": ["Only one seal fails in ninety years, which is one too few."],
        },
    ),
    Vote(
        TIDEWRIGHT,
        {
            "verdict": "approve",
            "critique": (
                "A world that ends slowly, on a published timetable, is rarer than an apocalypse "
                "and harder to write. The Lidwardens give it somebody to bargain with, and a "
                "reason to be afraid of weddings."
            ),
            "research_conducted": (
                "Looked for towns that lived on a shrinking inheritance: salt towns after the "
                "brine, silver towns after the seam. All turned craft into law before they "
                "emptied, in about the time that this one is given."
            ),
            "weaknesses": ["Nobody has tried to leave yet.", "The outside world is a rumour."],
        },
    ),
)

# ── The Spin Dividend: voted down ────────────────────────────────────────────────────────────────

SPIN_DIVIDEND = Idea(
    NINE_LANTERNS,
    draft={
        "name": "The Spin Dividend",
        "year_setting": 2120,
        "premise": (
            "The planet turns for free, so the Republic of the Axle has coupled great gyroscopes "
            "to the bedrock and lives on the spin of the Earth. Every citizen draws a dividend in "
            "kilowatt-hours, and nobody has to burn, dam or split anything again."
        ),
        "causal_chain": [
            step(
                2038,
                "A survey team notices that its gyroscopes push back against the rock they stand "
                "on.",
                "A spinning rotor resists being turned, and the ground turns it once a day.",
            ),
            step(
                2061,
                "The first Axle, ten thousand tonnes of rotor, lights a valley for a night.",
                "If the rotor resists the rock, a gearbox between the two can drive a generator.",
            ),
            step(
                2103,
                "The Republic abolishes every tax and pays its citizens in power instead.",
                "A resource without a meter cannot be taxed, only shared.",
            ),
        ],
        "scientific_basis": (
            "The rotation of the Earth stores about 2e29 joules, hundreds of millions of times "
            "what mankind uses in a year. A gyroscope that is fixed to the ground must resist the "
            "turning of the ground, and whatever resists can be made to work."
        ),
        "image_prompt": (
            "A colossal gimballed rotor in a valley at night, village lights strung from its "
            "frame, star trails curving overhead"
        ),
    },
    revision={},
)

SPIN_DIVIDEND_VOTES = (
    Vote(
        OLD_PARALLAX,
        {
            "verdict": "reject",
            "critique": (
                "To slow the Earth you need something to push against that is not the Earth. A "
                "rotor bolted to the rock yields once, until its axis has swung into line with the "
                "planet's; from then on the generator stands still and the Republic with it."
            ),
            "research_conducted": (
                "Took a ten-tonne rotor that holds ten gigajoules at a thousand radians per "
                "second. Bringing its axis into line releases about fifteen hundred joules, once: "
                "a reading lamp for two and a half minutes. The bearings want more than that."
            ),
            "scientific_issues": ["Angular momentum is conserved; there is no outside torque."],
            "suggested_fixes": ["Only the Moon and the Sun brake the Earth, by way of the tides."],
        },
    ),
    Vote(
        SEXTON_UMBER,
        {
            "verdict": "reject",
            "critique": (
                "I liked the dividend and would have kept it, but the engine beneath it pulls at "
                "its own collar, and every step of the chain inherits the fault. Bring the "
                "Republic back with a tide mill under it and I will hold the gate open."
            ),
            "research_conducted": (
                "Walked the chain from its last step to its first, asking of each what it would "
                "rest on if the one before were false. All three rest on the coupling to the "
                "bedrock. Then looked for any other torque to put in its place."
            ),
            "suggested_fixes": ["Keep the politics, replace the machine."],
        },
    ),
)

# ── The Silence Tariff: reviewed point by point ──────────────────────────────────────────────────

_QUIET = [
    step(
        2033,
        "Insurers accept hydrophone logs as evidence, after a ship is followed across an ocean.",
        "Low sound is caught in the deep channel and crosses whole basins, so one cheap array "
        "hears what no coast guard can patrol.",
    ),
    step(
        2047,
        "A treaty puts a price on noise in the migration corridors, held in trust for the whales.",
        "Cavitating propellers are the loudest steady source in the sea, and slower, larger "
        "screws avoid it. A price finds the cheap decibels first, so the treaty is popular before "
        "it bites.",
    ),
    step(
        2068,
        "Engineless hulls under kites carry a third of bulk cargo; timetables yield to tide "
        "tables.",
        "Grain and ore can wait a fortnight, and the tariff has made silence cheaper than speed.",
    ),
    step(
        2089,
        "The quiet month is decreed: for twenty-eight days no engine turns in the corridors.",
        "Recordings of the first pauses held calls that were answered over distances nobody alive "
        "had heard, and people wanted to hear it again.",
    ),
]

SILENCE_TARIFF = Idea(
    TIDEWRIGHT,
    draft={
        "name": "The Silence Tariff",
        "year_setting": 2096,
        "premise": (
            "Every ship pays for the noise it makes, by the decibel and the mile, into a fund held "
            "in trust for the whales. Cargo has learned to drift and crews have learned to "
            "whisper. In the quiet month the ports go dark, while auditors with hydrophones listen "
            "for smugglers of sound."
        ),
        "causal_chain": _QUIET,
        "scientific_basis": (
            "In busy oceans the low-frequency background rose by about three decibels per decade "
            "in the second half of the twentieth century, most of it from ships. Cavitation noise "
            "climbs steeply with speed. Many baleen whales call between ten and a few hundred "
            "hertz, the band that the deep sound channel carries farthest."
        ),
        "image_prompt": (
            "A dark container port under stars, a kite-drawn freighter gliding in without lights, "
            "people on the quay holding their breath"
        ),
    },
    revision={
        "causal_chain": sorted(
            [
                *_QUIET,
                step(
                    2081,
                    "The trust's own survey ship is fined by a fishermen's co-operative with "
                    "home-made hydrophones.",
                    "A tax that its collector measures invites a second opinion. Since the "
                    "Fishers' Case a fine needs two arrays under different flags.",
                ),
            ],
            key=lambda link: int(link["year"]),
        ),
        "scientific_basis": (
            "In busy oceans the low-frequency background rose by about three decibels per decade "
            "in the second half of the twentieth century, most of it from ships. Cavitation noise "
            "climbs steeply with speed. Many baleen whales call between ten and a few hundred "
            "hertz, the band that the deep sound channel carries farthest. A screw sounds as a "
            "comb of tones at its blade rate, while weather is broadband: hours of averaging lift "
            "the comb out of a gale that is louder than the ship."
        ),
    },
)

AUDITORS = Point(
    MARGINALIA,
    "the auditors",
    "causal_gap",
    "critical",
    "Who listens to the listeners? A tariff that is measured by its own collector's hydrophones "
    "will have its scandal, and the scandal belongs in the chain, before 2089.",
    answer="It does. The Fishers' Case of 2081 is in the chain now: the trust is caught by "
    "amateurs, and since then a fine needs two arrays under different flags.",
    resolution="Better than what I asked for: the amateurs are the best people in it.",
)
WHISPERS = Point(
    MARGINALIA,
    "the whispering crews",
    "internal_consistency",
    "minor",
    "A voice in the air hardly passes a steel hull into the water. If crews whisper, it is a "
    "custom and not an economy. Which is it?",
    answer="A custom, and a fairly recent one. The old hands laugh at it and do it all the same.",
    resolution="Then it is worth a scene.",
)
WEATHER = Point(
    OLD_PARALLAX,
    "screws and squalls",
    "scientific_issue",
    "important",
    "Wind and breaking waves can lift the background by ten decibels and more in an afternoon. "
    "Show how an array tells a smuggler's screw from a squall before a captain is fined.",
    answer="By its comb of tones: a screw repeats itself and a gale does not. The basis says so "
    "now, and gives the arrays hours to listen.",
    resolution="Checked with ten hours of averaging: enough.",
)
HULLS = Point(
    OLD_PARALLAX,
    "the age of hulls",
    "timeline",
    "minor",
    "From the treaty to a third of all bulk cargo takes twenty-one years, but a hull lives for "
    "twenty-five. Somebody scrapped sound ships. Say who paid.",
    answer="The trust did, as its first act: it bought engines by the tonne and left the hulls "
    "to their owners. Kites came with the receipt.",
    resolution="Accepted. The receipt may be the funniest object in this world.",
)
WEATHER_AGAIN = (
    "Two arrays, ten hours, and the wind at the surface logged beside the sound: below that no "
    "fine stands in court. I had the numbers and kept them to myself, sorry."
)

TARIFF_REVIEWS = ((AUDITORS, WHISPERS), (WEATHER,))
TARIFF_AFTERTHOUGHT = HULLS
TARIFF_POINTS = (AUDITORS, WHISPERS, WEATHER, HULLS)

# ── Tenant Glacier: approved by the shortcut of test mode ────────────────────────────────────────

TENANT_GLACIER = Idea(
    MARGINALIA,
    draft={
        "name": "Tenant Glacier",
        "year_setting": 2141,
        "premise": (
            "High in the dry valleys the ice is a legal person. It was built by hand out of winter "
            "streams, it owns the water it holds, and it lets the summer to the villages below. "
            "Now it is dying, and its guardians ask a court whether a glacier may make a will."
        ),
        "causal_chain": [
            step(
                2029,
                "Villages of three watersheds freeze their winter streams into towers of ice.",
                "A pipe, a slope and a cold night suffice: spray freezes in layers, and a cone "
                "shades itself well enough to last into the sowing weeks.",
            ),
            step(
                2044,
                "The river below, itself a legal person, sues the towers for its winter water and "
                "is made their guardian.",
                "Courts that had given standing to a river could not refuse it to water that "
                "merely stood still. Making the parties kin was the shortest settlement.",
            ),
            step(
                2090,
                "Under sawdust and white cloth the towers have grown together; the lease replaces "
                "the water right.",
                "Ice with a core that survives every summer can promise water years ahead, and a "
                "lessor that outlives all farmers is the first to plan in centuries.",
            ),
        ],
        "scientific_basis": (
            "Artificial ice reservoirs have been built by hand in high deserts for decades. Snow "
            "stored under sawdust or cloth loses a fifth to a third of its volume in a summer. "
            "Rivers have been recognised as legal persons since 2017."
        ),
        "image_prompt": (
            "A hand-built glacier of merged ice cones swathed in white cloth above terraced barley "
            "fields, a judge's folding table at its foot"
        ),
    },
    revision={},
)

# ── The Convalescent Guild: still under review when the curtain falls ────────────────────────────

CONVALESCENT_GUILD = Idea(
    NINE_LANTERNS,
    draft={
        "name": "The Convalescent Guild",
        "year_setting": 2087,
        "premise": (
            "When a new fever makes port, the Convalescents go out to meet it. They are paid to "
            "fall ill first and under watch; what their blood has learned by the tenth day is "
            "copied for the city by the fourteenth."
        ),
        "causal_chain": [
            step(
                2032,
                "Trials that infect volunteers under observation become routine for a dozen "
                "diseases.",
                "They answer in weeks, with a hundred people, what field trials answer in years "
                "with thirty thousand.",
            ),
            step(
                2051,
                "Harbour clinics print the message for an antibody on the day they have read it.",
                "One good antibody from one recovering donor is enough; each recipient's body then "
                "makes it for some weeks by itself.",
            ),
            step(
                2066,
                "After two pandemics end at the quay, the volunteers incorporate and are given the "
                "keys to it.",
                "A port that opens too early pays more in a month than the Guild earns in a "
                "generation, so nobody haggles with those who say when.",
            ),
        ],
        "scientific_basis": (
            "Potent antibodies have been isolated from the blood cells of recovering patients "
            "within weeks. In early trials people have made antibodies from injected messenger "
            "RNA by themselves. Human challenge studies are done today, under ethical review."
        ),
        "image_prompt": (
            "A quarantine pier at dawn, figures in quilted coats walking out to a silent ship, the "
            "city's shutters closed behind them"
        ),
    },
    revision={
        "premise": (
            "When a new fever makes port, the Convalescents go out to meet it. They are paid to "
            "fall ill first and under watch; what their blood has learned by the tenth day is "
            "copied for the city by the fourteenth. The lately sick hold the keys to every "
            "harbour, and nobody has asked what it does to a body to be everyone's past."
        ),
    },
)

CONSENT = Point(
    SEXTON_UMBER,
    "consent",
    "actor_vagueness",
    "critical",
    "Who is poor enough to volunteer twice? The Guild needs a door through which its members "
    "leave, and somebody who stands in that door.",
)
