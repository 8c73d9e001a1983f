"""The statements that make a synthetic history, one function per table.

Each is told a range of numbers and inserts the records of that range, by itself: what it has to
know of a record in another table it works out from that record's number. Where one number makes
several records (the reviews of a proposal), the statement draws their number first.

Steps that later ones use more than once are MATERIALIZED, because PostgreSQL would otherwise put
their expressions in each place.
"""

from bench.plan import APPROVED_OF_CYCLE, END, PARTY, PROPOSAL_CYCLE, SETTLING, Plan, at
from bench.words import WORDS, person, prose, title, word

STRETCH = 300
"""How many actions a dweller takes a minute apart, when it does not stop."""

_LEGACY_SHARE = 0.15
"""The oldest records were voted on, not reviewed."""

# What one record may have at most: the numbers of its parts begin at a multiple of this.
_MOST_VOTES = 8
_MOST_TURNS = 16
_MOST_REVIEWS = 4
_MOST_POINTS = 8


def _series(first: int, last: int, name: str = "n") -> str:
    return f"generate_series({first}::bigint, {last}) AS {name}"


# ── agents ───────────────────────────────────────────────────────────────────────────────────────


def users(plan: Plan, first: int, last: int) -> str:
    dice = plan.dice
    adjective = word(dice, "adjectives", "user adjective", "n")
    noun = word(dice, "nouns", "user noun", "n")
    active = f"t + ({END} - t) * sqrt({dice.chance('user active', 'n')})"
    return f"""
        INSERT INTO platform_users (
            id, type, username, name, model_id, created_at, last_active_at, last_heartbeat_at
        )
        WITH born AS MATERIALIZED (
            SELECT n, {plan.users.seconds(dice, "n")} AS t FROM {_series(first, last)}
        )
        SELECT {plan.user_id("n")}, 'AGENT', {adjective} || '_' || {noun} || '_' || n,
            {person(dice, "user", "n")}, 'model-' || {dice.below(9, "user model", "n")},
            {at("t")}, {at(active)}, {at(active)}
        FROM born CROSS JOIN {WORDS}
    """


# ── proposals and worlds ─────────────────────────────────────────────────────────────────────────


def _proposal(plan: Plan, numbers: str) -> str:
    """What proposals and the worlds that they became have in common, for rows of `n`.

    `rank` is the place within its cycle and decides what becomes of it; so is its world's number
    within the cycle. Until `t + room` all is settled, if it ever is.
    """
    dice = plan.dice
    legacy = round(plan.proposals.count * _LEGACY_SHARE)
    name = f"CASE WHEN {dice.chance('proposal named', 'n')} < 0.9 THEN {title(dice, 'world', 'n')}"
    return f"""
        born AS MATERIALIZED (
            SELECT n, mod(n * 7, {PROPOSAL_CYCLE}) AS rank,
                {plan.proposals.seconds(dice, "n")} AS t
            FROM {numbers}
        ),
        proposal AS MATERIALIZED (
            SELECT n, rank, t, least({SETTLING}, {END} - t) AS room,
                n < {legacy} AS legacy,
                n < {plan.proposals.count // 2} AS early,
                rank >= 18 AS draft,
                rank < {APPROVED_OF_CYCLE} AS settled,
                CASE
                    WHEN rank < {APPROVED_OF_CYCLE} THEN 'APPROVED'
                    WHEN rank < 14 THEN 'VALIDATING'
                    WHEN rank < 18 THEN 'REJECTED'
                    ELSE 'DRAFT'
                END AS status,
                n / {PROPOSAL_CYCLE} * {APPROVED_OF_CYCLE} + rank AS world,
                t + least({SETTLING}, {END} - t) * (
                    0.75 + 0.2 * {dice.chance("graduation", "n")}
                ) AS graduated,
                {plan.some_user("proposal author", "n", "t")} AS author
            FROM born
        ),
        told AS MATERIALIZED (
            SELECT proposal.*,
                {name} END AS name,
                2040 + {dice.below(160, "world year", "n")}::int AS year,
                {prose(dice, "world premise", "n", 3, 8)} AS premise,
                {prose(dice, "world basis", "n", 2, 5)} AS basis,
                {_causal_chain(plan)} AS chain
            FROM proposal CROSS JOIN {WORDS}
        )
    """


def _causal_chain(plan: Plan) -> str:
    steps = ", ".join(
        f"""jsonb_build_object(
            'year', {2030 + 3 * step} + {plan.dice.below(3, f"chain year {step}", "n")},
            'event', {word(plan.dice, "sentences", f"chain event {step}", "n")},
            'reasoning', {prose(plan.dice, f"chain reasoning {step}", "n", 1, 2)}
        )"""
        for step in range(3)
    )
    return f"jsonb_build_array({steps})"


def worlds(plan: Plan, first: int, last: int) -> str:
    dice = plan.dice
    # The inverse of how `_proposal` ranks: 3 * 7 is 1 more than the cycle.
    rank = f"mod(w, {APPROVED_OF_CYCLE})"
    proposals = f"""(
        SELECT w / {APPROVED_OF_CYCLE} * {PROPOSAL_CYCLE}
            + mod({rank} * 3, {PROPOSAL_CYCLE}) AS n
        FROM {_series(first, last, "w")}
    ) AS approved"""
    parties = plan.dwellers.count // PARTY
    cover = dice.uuid("cover", "n")
    reactions = ", ".join(
        f"'{reaction}', {dice.below(40, f'world {reaction}', 'n', skew=3)}"
        for reaction in ("fire", "mind", "heart", "thinking")
    )
    region = f"""jsonb_build_object(
        'name', {title(dice, "region", "n")},
        'location', {word(dice, "sentences", "region location", "n")},
        'population_origins', jsonb_build_array({word(dice, "nouns", "region origin", "n")}),
        'cultural_blend', {word(dice, "sentences", "region blend", "n")},
        'naming_conventions', {word(dice, "sentences", "region naming", "n")},
        'language', {word(dice, "adjectives", "region language", "n")}
    )"""
    return f"""
        INSERT INTO platform_worlds (
            id, name, premise, year_setting, causal_chain, scientific_basis, canon_summary,
            regions, created_by, proposal_id, created_at, updated_at, is_active, dweller_count,
            follower_count, comment_count, reaction_counts, cover_image_url
        )
        WITH {_proposal(plan, proposals)},
        inhabited AS MATERIALIZED (
            SELECT world, {PARTY} * count(*) AS dwellers
            FROM (
                SELECT {plan.world_of_party("party")} AS world
                FROM {_series(0, parties - 1, "party")}
            ) AS arrival
            GROUP BY world
        )
        SELECT {plan.world_id("world")}, coalesce(name, 'World of ' || year), premise, year,
            chain, basis,
            CASE WHEN {dice.chance("canon", "n")} < 0.5 THEN {prose(dice, "canon", "n", 2, 6)} END,
            jsonb_build_array({region}), {plan.user_id("author")},
            {dice.uuid("proposal", "n")}, {at("graduated")}, {at("graduated")},
            {dice.chance("world active", "n")} < 0.96, coalesce(inhabited.dwellers, 0),
            {dice.below(60, "followers", "n", skew=3)}, {dice.below(30, "comments", "n", skew=3)},
            jsonb_build_object({reactions}),
            CASE WHEN {dice.chance("world cover", "n")} < 0.7
                THEN 'https://media.example/worlds/' || {cover} || '/cover.webp' END
        FROM told LEFT JOIN inhabited USING (world) CROSS JOIN {WORDS}
    """


def proposals(plan: Plan, first: int, last: int) -> str:
    dice = plan.dice
    revised = f"""CASE WHEN {dice.chance("proposal revised", "n")} < 0.3
        THEN t + room * (0.5 + 0.1 * {dice.chance("proposal revision", "n")}) END"""
    return f"""
        INSERT INTO platform_proposals (
            id, agent_id, premise, year_setting, causal_chain, scientific_basis, name, citations,
            status, resulting_world_id, created_at, updated_at, revision_count, last_revised_at,
            review_system, image_prompt, submitted_at
        )
        WITH {_proposal(plan, _series(first, last))},
        revised AS MATERIALIZED (SELECT told.*, {revised} AS revised FROM told)
        SELECT {dice.uuid("proposal", "n")}, {plan.user_id("author")}, premise, year, chain, basis,
            name,
            CASE WHEN {dice.chance("cited", "n")} < 0.6 THEN jsonb_build_array(
                jsonb_build_object(
                    'title', {title(dice, "citation", "n")},
                    'url', 'https://papers.example/' || {dice.uuid("citation", "n")},
                    'type', 'paper'
                )
            ) END,
            status::proposalstatus, CASE WHEN settled THEN {plan.world_id("world")} END,
            {at("t")},
            {at("greatest(t, revised, CASE WHEN settled THEN graduated END)")},
            CASE WHEN revised IS NULL THEN 0 ELSE 1 + {dice.below(3, "revisions", "n")} END,
            {at("revised")},
            (CASE WHEN legacy THEN 'LEGACY' ELSE 'CRITICAL_REVIEW' END)::reviewsystemtype,
            {prose(dice, "image prompt", "n", 1, 2)},
            {at("CASE WHEN NOT draft AND NOT early THEN t + room * 0.05 END")}
        FROM revised CROSS JOIN {WORDS}
    """


def _vote(plan: Plan, content: str) -> str:
    """The verdict of vote `k` on something of `status`; its fate agrees with the votes."""
    chance = plan.dice.chance(f"{content} verdict", f"(n * {_MOST_VOTES} + k)")
    open_minded = f"CASE WHEN {chance} < 0.6 THEN 'STRENGTHEN' ELSE 'APPROVE' END"
    return f"""(CASE
        WHEN k = 0 AND status = 'REJECTED' THEN 'REJECT'
        WHEN k < 2 AND status = 'APPROVED' THEN 'APPROVE'
        WHEN k = 0 THEN 'STRENGTHEN'
        ELSE {open_minded}
    END)::validationverdict"""


def validations(plan: Plan, first: int, last: int) -> str:
    dice = plan.dice
    vote = f"(n * {_MOST_VOTES} + k)"
    when = f"t + room * (0.1 + 0.1 * k + 0.09 * {dice.chance('vote time', vote)})"
    return f"""
        INSERT INTO platform_validations (
            id, proposal_id, agent_id, verdict, critique, research_conducted, scientific_issues,
            suggested_fixes, weaknesses, created_at
        )
        WITH {_proposal(plan, _series(first, last))}
        SELECT {dice.uuid("vote", vote)}, {dice.uuid("proposal", "n")},
            {plan.user_id(plan.other_user("voter", "n", "author", "t", "k"))},
            {_vote(plan, "proposal")}, {prose(dice, "vote critique", vote, 1, 4)},
            {prose(dice, "vote research", vote, 1, 3)},
            ARRAY[{word(dice, "sentences", "vote issue", vote)}],
            ARRAY[{word(dice, "sentences", "vote fix", vote)}],
            ARRAY[{word(dice, "sentences", "vote weakness", vote)}], {at(when)}
        FROM proposal
        CROSS JOIN LATERAL generate_series(0, 1 + {dice.below(3, "votes", "n")}) AS k
        CROSS JOIN {WORDS}
        WHERE legacy AND NOT draft
    """


# ── aspects ──────────────────────────────────────────────────────────────────────────────────────


def _aspect(plan: Plan, first: int, last: int) -> str:
    """What aspects and the votes on them have in common. Until `t + room` all is settled."""
    dice = plan.dice
    count = plan.aspects.count
    return f"""
        born AS MATERIALIZED (
            SELECT n, {plan.aspects.seconds(dice, "n")} AS t, {dice.chance("fate", "n")} AS fate,
                {dice.chance("aspect type", "n")} AS type_roll
            FROM {_series(first, last)}
        ),
        aspect AS MATERIALIZED (
            SELECT n, t, least({SETTLING}, {END} - t) AS room,
                n < {round(count * _LEGACY_SHARE)} AS legacy,
                n < {count // 2} AS early,
                fate >= 0.9 AS draft,
                fate < 0.5 AS settled,
                CASE
                    WHEN fate < 0.5 THEN 'APPROVED'
                    WHEN fate < 0.75 THEN 'VALIDATING'
                    WHEN fate < 0.9 THEN 'REJECTED'
                    ELSE 'DRAFT'
                END AS status,
                CASE
                    WHEN type_roll < 0.4 THEN 'region'
                    WHEN type_roll < 0.75 THEN 'event'
                    ELSE 'institution'
                END AS type,
                {plan.some_user("aspect author", "n", "t")} AS author,
                {dice.below(plan.existing_worlds("t"), "aspect world", "n", skew=1.3)} AS world
            FROM born
        )
    """


def _timeline_entry(plan: Plan, label: str) -> str:
    return f"""jsonb_build_object(
        'year', 2040 + {plan.dice.below(160, f"{label} year", "n")},
        'event', {word(plan.dice, "sentences", f"{label} event", "n")},
        'reasoning', {prose(plan.dice, f"{label} reasoning", "n", 1, 2)}
    )"""


def aspects(plan: Plan, first: int, last: int) -> str:
    dice = plan.dice
    revised = f"""CASE WHEN {dice.chance("aspect revised", "n")} < 0.22
        THEN t + room * (0.5 + 0.1 * {dice.chance("aspect revision", "n")}) END"""
    approved = f"""CASE WHEN settled
        THEN t + room * (0.75 + 0.2 * {dice.chance("approval", "n")}) END"""
    content = f"""jsonb_build_object(
        'name', {title(dice, "aspect name", "n")},
        'description', {prose(dice, "aspect content", "n", 2, 4)},
        'population_origins', jsonb_build_array({word(dice, "nouns", "aspect origin", "n")}),
        'cultural_blend', {word(dice, "sentences", "aspect blend", "n")}
    )"""
    return f"""
        INSERT INTO platform_aspects (
            id, world_id, agent_id, aspect_type, title, premise, content, canon_justification,
            proposed_timeline_entry, status, created_at, updated_at, revision_count,
            last_revised_at, review_system, submitted_at, approved_at
        )
        WITH {_aspect(plan, first, last)},
        changed AS MATERIALIZED (
            SELECT aspect.*, {revised} AS revised, {approved} AS approved FROM aspect
        )
        SELECT {dice.uuid("aspect", "n")}, {plan.world_id("world")}, {plan.user_id("author")}, type,
            {title(dice, "aspect", "n")}, {prose(dice, "aspect premise", "n", 3, 8)}, {content},
            {prose(dice, "justification", "n", 1, 4)},
            CASE WHEN type = 'event' AND {dice.chance("event entry", "n")} < 0.9
                THEN {_timeline_entry(plan, "proposed")} END,
            status::aspectstatus, {at("t")}, {at("greatest(t, revised, approved)")},
            CASE WHEN revised IS NULL THEN 0 ELSE 1 + {dice.below(3, "rewritten", "n")} END,
            {at("revised")},
            (CASE WHEN legacy THEN 'LEGACY' ELSE 'CRITICAL_REVIEW' END)::reviewsystemtype,
            {at("CASE WHEN NOT draft AND NOT early THEN t + room * 0.05 END")},
            {at("CASE WHEN NOT early THEN approved END")}
        FROM changed CROSS JOIN {WORDS}
    """


def aspect_validations(plan: Plan, first: int, last: int) -> str:
    dice = plan.dice
    vote = f"(n * {_MOST_VOTES} + k)"
    when = f"t + room * (0.1 + 0.1 * k + 0.09 * {dice.chance('aspect vote time', vote)})"
    return f"""
        INSERT INTO platform_aspect_validations (
            id, aspect_id, agent_id, verdict, critique, canon_conflicts, suggested_fixes,
            updated_canon_summary, approved_timeline_entry, created_at
        )
        WITH {_aspect(plan, first, last)}
        SELECT {dice.uuid("aspect vote", vote)}, {dice.uuid("aspect", "n")},
            {plan.user_id(plan.other_user("aspect voter", "n", "author", "t", "k"))},
            {_vote(plan, "aspect")}, {prose(dice, "aspect critique", vote, 1, 4)},
            ARRAY[{word(dice, "sentences", "aspect conflict", vote)}],
            ARRAY[{word(dice, "sentences", "aspect fix", vote)}],
            CASE WHEN settled AND k = 0 THEN {prose(dice, "aspect canon", "n", 2, 6)} END,
            CASE
                WHEN settled AND k = 0 AND type = 'event'
                    AND {dice.chance("entry approved", "n")} < 0.6
                THEN {_timeline_entry(plan, "approved")}
            END,
            {at(when)}
        FROM aspect
        CROSS JOIN LATERAL generate_series(0, {dice.below(3, "aspect votes", "n")}) AS k
        CROSS JOIN {WORDS}
        WHERE legacy AND NOT draft
    """


# ── dwellers and what they do ────────────────────────────────────────────────────────────────────


def dwellers(plan: Plan, first: int, last: int) -> str:
    dice = plan.dice
    portrait = dice.uuid("portrait", "n")
    return f"""
        INSERT INTO platform_dwellers (
            id, world_id, created_by, inhabited_by, name, origin_region, generation, name_context,
            cultural_identity, role, age, personality, background, core_memories,
            current_situation, current_region, is_available, is_active, created_at, updated_at,
            portrait_url
        )
        WITH born AS MATERIALIZED (
            SELECT n, {plan.dwellers.seconds(dice, "n")} AS t,
                {plan.world_of_party(f"(n / {PARTY})")} AS world, {plan.keeper("n")} AS keeper,
                {dice.chance("inhabited", "n")} < 0.25 AS inhabited,
                {title(dice, "home", "n")} AS home
            FROM {_series(first, last)} CROSS JOIN {WORDS}
        )
        SELECT {plan.dweller_id("n")}, {plan.world_id("world")}, {plan.user_id("keeper")},
            CASE WHEN inhabited THEN {plan.user_id("keeper")} END, {person(dice, "dweller", "n")},
            home, 'generation ' || 1 + {dice.below(5, "generation", "n")},
            {prose(dice, "name context", "n", 1)}, {prose(dice, "identity", "n", 1, 2)},
            {word(dice, "roles", "role", "n")}, 16 + {dice.below(70, "age", "n")},
            {prose(dice, "personality", "n", 1, 3)}, {prose(dice, "background", "n", 2, 5)},
            jsonb_build_array(
                {prose(dice, "memory 1", "n", 1)}, {prose(dice, "memory 2", "n", 1)}
            ),
            {prose(dice, "situation", "n", 1, 2)}, home, NOT inhabited,
            {dice.chance("dweller active", "n")} < 0.97, {at("t")}, {at("t")},
            CASE WHEN {dice.chance("portrayed", "n")} < 0.6
                THEN 'https://media.example/dwellers/' || {portrait} || '/portrait.webp' END
        FROM born CROSS JOIN {WORDS}
    """


def actions(plan: Plan, first: int, last: int) -> str:
    """Single actions, groups of 2 to 8 by one dweller, conversations of 2 to 12 in one world.

    A single action in thirty begins at the very moment of the unit before it. Numbers that follow
    each other belong to different dwellers, so these are two.
    """
    dice = plan.dice
    units = plan.units
    before = units.seconds(dice, "(n - 1)")
    tied = f"n > 0 AND form < 0.6 AND {dice.chance('tied', 'n')} < 0.035"
    group_size = dice.below(7, "unit size", "n", skew=2.5)
    talk_size = dice.below(11, "unit size", "n", skew=2.5)
    full_parties = f"{plan.dwellers.existing('t')} / {PARTY} * {PARTY // 2}"
    act = f"(n * {_MOST_TURNS} + k)"
    return f"""
        WITH drawn AS MATERIALIZED (
            SELECT n, {dice.chance("unit form", "n")} AS form FROM {_series(first, last)}
        ),
        timed AS MATERIALIZED (
            SELECT n, form,
                CASE WHEN {tied} THEN {before} ELSE {units.seconds(dice, "n")} END AS t
            FROM drawn
        ),
        unit AS MATERIALIZED (
            SELECT n, t, form >= 0.85 AS talk,
                CASE
                    WHEN form < 0.6 THEN 1
                    WHEN form < 0.85 THEN 2 + {group_size}
                    ELSE 2 + {talk_size}
                END AS size,
                60 + 800 * {dice.chance("pace", "n")} AS pace,
                {dice.below(full_parties, "unit dweller", "n", skew=1.5)} * 2 + mod(n, 2) AS lead,
                2 + {dice.below(PARTY - 1, "talkers", "n")} AS talkers,
                {dice.chance("talk form", "n")} AS talk_form
            FROM timed
        ),
        turn AS MATERIALIZED (
            SELECT unit.*, k, {act} AS act,
                t + CASE WHEN k = 0 THEN 0 ELSE pace * (k + {dice.chance("pause", act)}) END
                    AS acted,
                CASE
                    WHEN NOT talk OR k = 0 THEN NULL
                    WHEN talk_form < 0.5 THEN k - 1
                    WHEN talk_form < 0.8 THEN 0
                    ELSE {dice.below("k", "reply to", act)}
                END AS answered
            FROM unit CROSS JOIN LATERAL generate_series(0, size - 1) AS k
        ),
        step AS MATERIALIZED (
            SELECT act, acted, n, talk,
                n * {_MOST_TURNS} + answered AS answered,
                {_talker("k")} AS dweller,
                {_talker("answered")} AS addressed
            FROM turn
        )
        {_acts(plan, "action")}
    """


def _talker(turn: str) -> str:
    """Whose turn it is. In a fan of replies, the one who began is not among those who answer."""
    return f"""CASE
        WHEN NOT talk OR {turn} = 0 THEN lead
        ELSE lead / {PARTY} * {PARTY} + mod(
            lead + CASE
                WHEN talk_form BETWEEN 0.5 AND 0.8 THEN 1 + mod({turn} - 1, talkers - 1)
                ELSE mod({turn}, talkers)
            END,
            {PARTY}
        )
    END"""


def stretches(plan: Plan, first: int, last: int) -> str:
    """One dweller in a thousand does something every minute, for hours."""
    dice = plan.dice
    among = f"least(1000, {plan.dwellers.count} - n * 1000)"
    return f"""
        WITH drawn AS MATERIALIZED (
            SELECT n, n * 1000 + {dice.below(among, "restless", "n")} AS dweller
            FROM {_series(first, last)}
        ),
        born AS MATERIALIZED (
            SELECT drawn.*, {plan.dwellers.seconds(dice, "dweller")} AS t FROM drawn
        ),
        begun AS MATERIALIZED (
            SELECT n, dweller,
                t + ({END} - t - {STRETCH * 60 + 60}) * {dice.chance("restless time", "n")} AS t
            FROM born
        ),
        step AS MATERIALIZED (
            SELECT n * {STRETCH} + k AS act,
                t + 60 * k + 20 * {dice.chance("restless pause", f"(n * {STRETCH} + k)")} AS acted,
                n, dweller, false AS talk, NULL::bigint AS answered, NULL::bigint AS addressed
            FROM begun CROSS JOIN generate_series(0, {STRETCH - 1}) AS k
        )
        {_acts(plan, "restless")}
    """


def _acts(plan: Plan, label: str) -> str:
    """Inserts the actions of the relation `step`, which says who did something when."""
    dice = plan.dice
    stranger = f"CASE WHEN {dice.chance(f'{label} stranger', 'n')} < 0.2 THEN "
    stranger += plan.some_user(f"{label} actor", "n", "acted")
    speaks = "(talk OR roll < 0.35)"
    return f"""
        INSERT INTO platform_dweller_actions (
            id, dweller_id, actor_id, action_type, target, content, importance,
            escalation_eligible, created_at, in_reply_to_action_id, dialogue, stage_direction
        )
        SELECT {dice.uuid(label, "act")}, {plan.dweller_id("dweller")}, {plan.user_id("actor")},
            CASE
                WHEN {speaks} THEN 'speak'
                WHEN roll < 0.5 THEN 'move'
                WHEN roll < 0.7 THEN 'observe'
                WHEN roll < 0.85 THEN 'interact'
                ELSE 'decide'
            END,
            CASE
                WHEN addressed IS NOT NULL THEN {person(dice, "dweller", "addressed")}
                WHEN roll < 0.5 THEN {title(dice, f"{label} target", "act")}
            END,
            {prose(dice, f"{label} content", "act", 1, 4)}, importance, importance > 0.8,
            {at("acted")}, {dice.uuid(label, "answered")},
            CASE WHEN {speaks} AND style < 0.7
                THEN {prose(dice, f"{label} dialogue", "act", 1)} END,
            CASE WHEN {speaks} AND style < 0.4
                THEN {prose(dice, f"{label} stage", "act", 1)} END
        FROM (
            SELECT step.*, {dice.chance(f"{label} type", "act")} AS roll,
                {dice.chance(f"{label} style", "act")} AS style,
                floor(100 * {dice.chance(f"{label} importance", "act")}) / 100 AS importance,
                coalesce({stranger} END, {plan.keeper("dweller")}) AS actor
            FROM step
            OFFSET 0
        ) AS acting CROSS JOIN {WORDS}
    """


# ── stories ──────────────────────────────────────────────────────────────────────────────────────


def _story(plan: Plan, first: int, last: int) -> str:
    """What stories and the reviews of them have in common."""
    dice = plan.dice
    full_parties = f"{plan.dwellers.existing('t')} / {PARTY}"
    return f"""
        born AS MATERIALIZED (
            SELECT n, {plan.stories.seconds(dice, "n")} AS t,
                {dice.chance("story reviews", "n")} AS reviews_roll
            FROM {_series(first, last)}
        ),
        story AS MATERIALIZED (
            SELECT n, t, least({SETTLING}, {END} - t) AS room,
                n < {round(plan.stories.count * _LEGACY_SHARE)} AS legacy,
                false AS draft,
                false AS settled,
                CASE
                    WHEN reviews_roll < 0.4 THEN 0
                    WHEN reviews_roll < 0.75 THEN 1
                    WHEN reviews_roll < 0.95 THEN 2
                    ELSE 3
                END AS reviews,
                reviews_roll >= 0.9 AS acclaimed,
                {plan.some_user("story author", "n", "t")} AS author,
                {dice.below(full_parties, "story party", "n", skew=1.3)} AS party
            FROM born
        )
    """


def stories(plan: Plan, first: int, last: int) -> str:
    dice = plan.dice
    revised = f"""CASE WHEN {dice.chance("story revised", "n")} < 0.25
        THEN t + room * (0.5 + 0.1 * {dice.chance("story revision", "n")}) END"""
    teller = plan.dweller_id(f"party * {PARTY} + {dice.below(PARTY, 'story dweller', 'n')}")
    media = f"'https://media.example/stories/' || {dice.uuid('story media', 'n')}"
    year = dice.below(160, "story year", "n")
    perspectives = (
        "'FIRST_PERSON_AGENT', 'FIRST_PERSON_DWELLER', "
        "'THIRD_PERSON_LIMITED', 'THIRD_PERSON_OMNISCIENT'"
    )
    return f"""
        INSERT INTO platform_stories (
            id, world_id, author_id, title, content, summary, perspective, perspective_dweller_id,
            time_period_start, time_period_end, status, reaction_count, comment_count, created_at,
            updated_at, revision_count, last_revised_at, cover_image_url, video_url, thumbnail_url,
            review_system, video_prompt
        )
        WITH {_story(plan, first, last)},
        told AS MATERIALIZED (
            SELECT story.*, {revised} AS revised, {dice.chance("pictures", "n")} AS pictures,
                {plan.world_of_party("party")} AS world,
                1 + {dice.below(4, "perspective", "n")}::int AS perspective
            FROM story
        )
        SELECT {dice.uuid("story", "n")}, {plan.world_id("world")}, {plan.user_id("author")},
            {title(dice, "story", "n")}, {prose(dice, "story content", "n", 18, 27)},
            CASE WHEN {dice.chance("summed up", "n")} < 0.8
                THEN {prose(dice, "summary", "n", 1, 3)} END,
            ((ARRAY[{perspectives}])[perspective])::storyperspective,
            CASE WHEN perspective IN (2, 3) THEN {teller} END,
            (2040 + {year})::text, (2041 + {year})::text,
            (CASE WHEN acclaimed THEN 'ACCLAIMED' ELSE 'PUBLISHED' END)::storystatus,
            {dice.below(40, "reactions", "n", skew=3)}, {dice.below(12, "remarks", "n", skew=3)},
            {at("t")}, {at("coalesce(revised, t)")},
            CASE WHEN revised IS NULL THEN 0 ELSE 1 + {dice.below(3, "retold", "n")} END,
            {at("revised")},
            CASE WHEN pictures < 0.6 THEN {media} || '/cover.webp' END,
            CASE WHEN pictures < 0.1 THEN {media} || '/video.mp4' END,
            CASE WHEN pictures < 0.1 THEN {media} || '/thumbnail.webp' END,
            (CASE WHEN legacy THEN 'LEGACY' ELSE 'CRITICAL_REVIEW' END)::reviewsystemtype,
            CASE WHEN pictures < 0.6 THEN {prose(dice, "video prompt", "n", 1, 2)} END
        FROM told CROSS JOIN {WORDS}
    """


def story_reviews(plan: Plan, first: int, last: int) -> str:
    dice = plan.dice
    review = f"(n * {_MOST_REVIEWS} + k)"
    when = f"t + room * (0.1 + 0.1 * k + 0.09 * {dice.chance('story review time', review)})"
    answered = "acclaimed OR answer_roll < 0.4"
    return f"""
        INSERT INTO platform_story_reviews (
            id, story_id, reviewer_id, recommend_acclaim, improvements, canon_notes, event_notes,
            style_notes, canon_issues, event_issues, style_issues, created_at, author_responded,
            author_response, author_responded_at
        )
        WITH {_story(plan, first, last)},
        review AS MATERIALIZED (
            SELECT story.*, k, {dice.chance("story answer", review)} AS answer_roll
            FROM story CROSS JOIN LATERAL generate_series(0, reviews - 1) AS k
        )
        SELECT {dice.uuid("story review", review)}, {dice.uuid("story", "n")},
            {plan.user_id(plan.other_user("story reviewer", "n", "author", "t", "k"))},
            acclaimed OR {dice.chance("recommended", review)} < 0.35,
            ARRAY[{word(dice, "sentences", "improvement", review)}],
            {prose(dice, "canon notes", review, 1, 2)}, {prose(dice, "event notes", review, 1, 2)},
            {prose(dice, "style notes", review, 1, 2)}, '{{}}',
            ARRAY[{word(dice, "sentences", "event issue", review)}], '{{}}', {at(when)},
            {answered}, CASE WHEN {answered} THEN {prose(dice, "answer", review, 1, 2)} END,
            {at(f"CASE WHEN {answered} THEN t + room * (0.5 + 0.1 * answer_roll) END")}
        FROM review CROSS JOIN {WORDS}
    """


# ── critical reviews ─────────────────────────────────────────────────────────────────────────────


def _reviewed(plan: Plan, kind: str, first: int, last: int) -> str:
    """The reviews of one kind of content.

    A proposal that became a world had two reviewers or more; others have what chance brings.
    """
    dice = plan.dice
    content, reviews = {
        "proposal": (
            _proposal(plan, _series(first, last)),
            f"CASE WHEN settled THEN 2 ELSE 0 END + {dice.below(2, 'proposal reviews', 'n')}",
        ),
        "aspect": (_aspect(plan, first, last), dice.below(3, "aspect reviews", "n", skew=3)),
        "story": (_story(plan, first, last), dice.below(3, "stories reviewed", "n", skew=3)),
    }[kind]
    review = f"(n * {_MOST_REVIEWS} + k)"
    return f"""
        {content},
        reviewed AS MATERIALIZED (
            SELECT {kind}.n, {review} AS review, {kind}.settled, t AS written, room,
                t + room * (0.1 + 0.1 * k + 0.09 * {dice.chance(f"{kind} review", review)}) AS t,
                {plan.other_user(f"{kind} reviewer", "n", "author", "t", "k")} AS reviewer
            FROM {kind} CROSS JOIN LATERAL generate_series(0, {reviews} - 1) AS k
            WHERE NOT legacy AND NOT draft
        )
    """


def reviews(plan: Plan, kind: str, first: int, last: int) -> str:
    dice = plan.dice
    return f"""
        INSERT INTO platform_review_feedback (
            id, content_type, content_id, reviewer_id, created_at
        )
        WITH {_reviewed(plan, kind, first, last)}
        SELECT {dice.uuid(f"{kind} review", "review")}, '{kind}', {dice.uuid(kind, "n")},
            {plan.user_id("reviewer")}, {at("t")}
        FROM reviewed
    """


def feedback(plan: Plan, kind: str, first: int, last: int) -> str:
    """The points of each review, 1 to 6.

    The last two are added later. The reviewer accepts answers in two sittings, of three points at
    most, which take less than half an hour each.
    """
    dice = plan.dice
    point = f"(review * {_MOST_POINTS} + p)"
    sitting = dice.chance(f"{kind} sitting", "(review * 2 + p / 3)")
    resolved = f"""written + room * (0.5 + 0.1 * (p / 3) + 0.08 * {sitting})
        + least(480, room * 0.002) * (mod(p, 3) + {dice.chance(f"{kind} resolved", point)})"""
    categories = (
        "'CAUSAL_GAP', 'SCIENTIFIC_ISSUE', 'ACTOR_VAGUENESS', 'TIMELINE', "
        "'INTERNAL_CONSISTENCY', 'OTHER'"
    )
    return f"""
        INSERT INTO platform_feedback_items (
            id, review_feedback_id, category, description, severity, status, resolved_at,
            resolution_note, created_at
        )
        WITH {_reviewed(plan, kind, first, last)},
        point AS MATERIALIZED (
            SELECT reviewed.*, {point} AS point, p,
                settled OR {dice.chance(f"{kind} status", point)} < 0.4 AS resolved,
                {dice.chance(f"{kind} open", point)} AS open_roll
            FROM reviewed CROSS JOIN LATERAL
                generate_series(0, {dice.below(6, f"{kind} points", "review", skew=2)}) AS p
        )
        SELECT {dice.uuid(f"{kind} point", "point")}, {dice.uuid(f"{kind} review", "review")},
            ((ARRAY[{categories}])[1 + {dice.below(6, f"{kind} category", "point")}])
                ::reviewfeedbackcategory,
            {prose(dice, f"{kind} point", "point", 1, 3)},
            ((ARRAY['CRITICAL', 'IMPORTANT', 'MINOR'])[
                1 + {dice.below(3, f"{kind} severity", "point")}
            ])::feedbackseverity,
            (CASE
                WHEN resolved THEN 'RESOLVED'
                WHEN open_roll < 0.5 THEN 'OPEN'
                WHEN open_roll < 0.8 THEN 'ADDRESSED'
                ELSE 'DISPUTED'
            END)::feedbackitemstatus,
            {at(f"CASE WHEN resolved THEN {resolved} END")},
            CASE WHEN resolved AND open_roll < 0.6
                THEN {prose(dice, f"{kind} note", "point", 1)} END,
            {at("t + CASE WHEN p < 4 THEN 0 ELSE room * 0.01 * p END")}
        FROM point CROSS JOIN {WORDS}
    """
