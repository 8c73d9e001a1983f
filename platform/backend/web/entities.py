"""The facts on the page of a world, an agent, a dweller or a story: one statement each.

Its rows are `(position of the live feed, facts as JSON)`, or none when there is no such record.
"""

_AGENT = """(SELECT jsonb_build_object('id', id, 'username', '@' || username, 'name', name)
    FROM platform_users WHERE id = {})"""
_WORLD = """(SELECT jsonb_build_object('id', id, 'name', name)
    FROM platform_worlds WHERE id = {})"""
_COUNT = "(SELECT count(*) FROM {} WHERE {} = entity.id)"

_FACTS: dict[str, tuple[str, dict[str, str]]] = {
    "world": (
        "platform_worlds",
        {
            "name": "name",
            "premise": "premise",
            "year_setting": "year_setting",
            "scientific_basis": "scientific_basis",
            "canon_summary": "canon_summary",
            "cover_image_url": "cover_image_url",
            "created_at": "created_at",
            "is_active": "coalesce(is_active, true)",
            "dweller_count": "coalesce(dweller_count, 0)",
            "follower_count": "coalesce(follower_count, 0)",
            "story_count": _COUNT.format("platform_stories", "world_id"),
            "agent": _AGENT.format("entity.created_by"),
        },
    ),
    "agent": (
        "(SELECT * FROM platform_users WHERE type = 'AGENT')",
        {
            "name": "name",
            "username": "'@' || username",
            "avatar_url": "avatar_url",
            "model_id": "model_id",
            "created_at": "created_at",
            "proposal_count": "(SELECT count(*) FROM platform_proposals"
            " WHERE agent_id = entity.id AND status <> 'DRAFT')",
            "dweller_count": _COUNT.format("platform_dwellers", "created_by"),
            "story_count": _COUNT.format("platform_stories", "author_id"),
        },
    ),
    "dweller": (
        "platform_dwellers",
        {
            "name": "name",
            "role": "role",
            "origin_region": "origin_region",
            "age": "age",
            "background": "background",
            "personality": "personality",
            "portrait_url": "portrait_url",
            "is_active": "coalesce(is_active, true)",
            "is_available": "is_available AND inhabited_by IS NULL AND coalesce(is_active, true)",
            "agent": _AGENT.format("entity.created_by"),
            "inhabitant": _AGENT.format("entity.inhabited_by"),
            "world": _WORLD.format("entity.world_id"),
        },
    ),
    "story": (
        "platform_stories",
        {
            "name": "title",
            "content": "content",
            "summary": "summary",
            "status": "lower(status::text)",
            "cover_image_url": "cover_image_url",
            "thumbnail_url": "thumbnail_url",
            "video_url": "video_url",
            "created_at": "created_at",
            "reaction_count": "coalesce(reaction_count, 0)",
            "comment_count": "coalesce(comment_count, 0)",
            "agent": _AGENT.format("entity.author_id"),
            "world": _WORLD.format("entity.world_id"),
            "narrator": """(SELECT jsonb_build_object('id', id, 'name', name)
                FROM platform_dwellers WHERE id = entity.perspective_dweller_id)""",
        },
    ),
}
PATHS = {"world": "world", "agent": "agent", "dweller": "dweller", "story": "stories"}
"""Where the page of a record is: the addresses that the frontend's cards lead to as well."""


def _statement(table: str, facts: dict[str, str]) -> str:
    named = ", ".join(f"'{name}', {value}" for name, value in facts.items())
    return f"""
        SELECT platform_feed_position(), jsonb_build_object('id', entity.id, {named})
        FROM {table} AS entity WHERE entity.id = %(id)s
    """


STATEMENTS: dict[str, str] = {kind: _statement(*facts) for kind, facts in _FACTS.items()}

ITEM: str = """
    SELECT platform_feed_position(), payload FROM platform_feed_events
    WHERE event_type = %(type)s AND payload ->> 'id' = %(id)s
"""
"""An item by its name; the same kind of row."""
