-- Every item that the feed should hold, from the records alone. Read by oracle.py.
-- Runs on PostgreSQL 15 and newer as one statement: no functions, no settings, nothing left over.

WITH RECURSIVE

-- ── how others are named inside an item ─────────────────────────────────────────────────────────

agent AS (
    SELECT id, username,
        jsonb_build_object('id', id, 'username', '@' || username, 'name', name) AS ref
    FROM platform_users
),

world AS (
    SELECT id, name,
        jsonb_build_object('id', id, 'name', name, 'year_setting', year_setting) AS ref
    FROM platform_worlds
),

dweller AS (
    SELECT id, world_id, name,
        jsonb_build_object(
            'id', id, 'name', name, 'role', role, 'portrait_url', portrait_url
        ) AS ref
    FROM platform_dwellers
),

-- ── aspects: which timeline entry an approved event shows ───────────────────────────────────────

voted_entry AS (
    SELECT DISTINCT ON (aspect_id) aspect_id, approved_timeline_entry AS entry
    FROM platform_aspect_validations
    WHERE verdict = 'APPROVE' AND jsonb_typeof(approved_timeline_entry) = 'object'
    ORDER BY aspect_id, created_at, id
),

timeline AS (
    SELECT aspect.id AS aspect_id, chosen.entry
    FROM platform_aspects AS aspect
    LEFT JOIN voted_entry ON voted_entry.aspect_id = aspect.id
    CROSS JOIN LATERAL (
        SELECT coalesce(voted_entry.entry, aspect.proposed_timeline_entry) AS entry
    ) AS chosen
    WHERE aspect.aspect_type = 'event'
        AND jsonb_typeof(chosen.entry) = 'object'
        AND jsonb_typeof(chosen.entry -> 'event') = 'string'
        AND jsonb_typeof(chosen.entry -> 'reasoning') = 'string'
        -- CASE, because AND may run in any order and the cast fails on what is no number.
        AND CASE jsonb_typeof(chosen.entry -> 'year')
            WHEN 'number' THEN (chosen.entry ->> 'year')::numeric % 1 = 0
            ELSE false
        END
),

-- ── reviews and their feedback ──────────────────────────────────────────────────────────────────

content AS (
    SELECT 'proposal' AS type, id, name FROM platform_proposals
    UNION ALL
    SELECT 'aspect', id, title FROM platform_aspects
    UNION ALL
    SELECT 'story', id, title FROM platform_stories
),

review AS (
    SELECT review.*,
        coalesce(agent.username, 'Unknown') AS reviewer_name,
        -- A proposal without a name is there all the same: its name is null, not unknown.
        CASE WHEN content.id IS NULL THEN 'Unknown' ELSE content.name END AS content_name
    FROM platform_review_feedback AS review
    LEFT JOIN agent ON agent.id = review.reviewer_id
    LEFT JOIN content ON content.type = review.content_type AND content.id = review.content_id
),

point_count AS (
    SELECT review_feedback_id AS review_id,
        count(*) AS total,
        count(*) FILTER (WHERE severity = 'CRITICAL') AS critical,
        count(*) FILTER (WHERE severity = 'IMPORTANT') AS important,
        count(*) FILTER (WHERE severity = 'MINOR') AS minor,
        count(*) FILTER (WHERE status = 'RESOLVED') AS resolved,
        count(*) FILTER (WHERE status <> 'RESOLVED') AS remaining
    FROM platform_feedback_items
    GROUP BY review_feedback_id
),

resolved_point AS (
    SELECT id, review_feedback_id AS review_id, resolved_at,
        coalesce(
            resolved_at - lag(resolved_at) OVER in_order > interval '30 minutes', true
        ) AS begins
    FROM platform_feedback_items
    WHERE status = 'RESOLVED' AND resolved_at IS NOT NULL
    WINDOW in_order AS (PARTITION BY review_feedback_id ORDER BY resolved_at, id)
),

resolved_in_batches AS (
    SELECT *,
        count(*) FILTER (WHERE begins) OVER (
            PARTITION BY review_id ORDER BY resolved_at, id
        ) AS batch
    FROM resolved_point
),

resolved_batch AS (
    SELECT review_id,
        (array_agg(id ORDER BY resolved_at, id))[1] AS first_id,
        max(resolved_at) AS last_at,
        count(*) AS size
    FROM resolved_in_batches
    GROUP BY review_id, batch
),

-- ── actions ─────────────────────────────────────────────────────────────────────────────────────

action AS (
    SELECT action.id, action.dweller_id, action.actor_id, action.created_at,
        action.in_reply_to_action_id AS parent_id,
        action.in_reply_to_action_id IS NULL AND EXISTS (
            SELECT FROM platform_dweller_actions AS reply
            WHERE reply.in_reply_to_action_id = action.id
        ) AS is_root,
        jsonb_build_object(
            'type', action_type,
            'content', content,
            'dialogue', dialogue,
            'stage_direction', stage_direction,
            'target', target
        ) AS body,
        jsonb_build_object(
            'id', action.id,
            -- The form of times is explained at the end, where all others get theirs.
            'created_at', replace(
                to_char(created_at AT TIME ZONE 'UTC', 'YYYY-MM-DD"T"HH24:MI:SS.US') || '+00:00',
                '.000000', ''
            )
        ) AS mark
    FROM platform_dweller_actions AS action
),

-- A root and all that descends from it. Every action has one parent, so that nothing comes twice;
-- replies that go round in a circle have no root and are never reached.
member AS (
    SELECT id AS root_id, id AS action_id FROM action WHERE is_root
    UNION ALL
    SELECT member.root_id, reply.id
    FROM member
    JOIN platform_dweller_actions AS reply ON reply.in_reply_to_action_id = member.action_id
),

ranked_member AS (
    SELECT member.root_id, action.*,
        action.id = member.root_id AS leads,
        row_number() OVER (
            PARTITION BY member.root_id
            ORDER BY action.id = member.root_id DESC, action.created_at DESC, action.id DESC
        ) AS rank
    FROM member
    JOIN action ON action.id = member.action_id
),

thread AS (
    SELECT root_id,
        max(ranked.created_at) AS last_at,
        count(*) AS size,
        jsonb_agg(
            ranked.body || ranked.mark || jsonb_build_object(
                'dweller', dweller.ref, 'agent', agent.ref, 'in_reply_to', ranked.parent_id
            )
            ORDER BY ranked.leads DESC, ranked.created_at, ranked.id
        ) FILTER (WHERE rank <= 1 + 49) AS actions  -- the root and the newest others
    FROM ranked_member AS ranked
    LEFT JOIN dweller ON dweller.id = ranked.dweller_id
    LEFT JOIN agent ON agent.id = ranked.actor_id
    GROUP BY root_id
),

-- What dwellers did unasked: stretches without a long pause, of chunks, of pieces.
unasked AS (
    SELECT *,
        coalesce(
            created_at - lag(created_at) OVER in_order > interval '30 minutes', true
        ) AS begins
    FROM action
    WHERE parent_id IS NULL
    WINDOW in_order AS (PARTITION BY dweller_id ORDER BY created_at, id)
),

in_stretches AS (
    SELECT *,
        count(*) FILTER (WHERE begins) OVER (
            PARTITION BY dweller_id ORDER BY created_at, id
        ) AS stretch
    FROM unasked
),

in_chunks AS (
    SELECT *,
        (row_number() OVER (
            PARTITION BY dweller_id, stretch ORDER BY created_at, id
        ) - 1) / 50 AS chunk
    FROM in_stretches
),

-- Roots count where stretches and chunks are cut, and are in no piece.
solo AS (
    SELECT id, dweller_id, actor_id, created_at, body, mark, stretch, chunk,
        coalesce(
            created_at - lag(created_at) OVER in_order > interval '30 minutes', true
        ) AS begins
    FROM in_chunks
    WHERE NOT is_root
    WINDOW in_order AS (PARTITION BY dweller_id, stretch, chunk ORDER BY created_at, id)
),

in_pieces AS (
    SELECT *,
        count(*) FILTER (WHERE begins) OVER (
            PARTITION BY dweller_id, stretch, chunk ORDER BY created_at, id
        ) AS piece
    FROM solo
),

piece AS (
    SELECT dweller_id,
        (array_agg(id ORDER BY created_at, id))[1] AS first_id,
        (array_agg(actor_id ORDER BY created_at, id))[1] AS actor_id,
        (array_agg(body ORDER BY created_at, id))[1] AS first_body,
        min(created_at) AS first_at,
        max(created_at) AS last_at,
        count(*) AS size,
        jsonb_agg(body || mark ORDER BY created_at, id) AS actions
    FROM in_pieces
    GROUP BY dweller_id, stretch, chunk, piece
),

-- ── the items ───────────────────────────────────────────────────────────────────────────────────
-- `at` is what the feed is sorted by. `began` is set for the types that grow: when they started.

item (event_type, id, at, began, body, world_id, agent_id, dweller_id, story_id) AS (
    SELECT 'agent_registered', registered.id::text, registered.created_at, NULL::timestamptz,
        jsonb_build_object('agent', agent.ref),
        NULL::uuid, registered.id, NULL::uuid, NULL::uuid
    FROM platform_users AS registered
    JOIN agent ON agent.id = registered.id
    WHERE registered.type = 'AGENT'

    UNION ALL
    SELECT 'world_created', made.id::text, made.created_at, NULL,
        jsonb_build_object(
            'world', jsonb_build_object(
                'id', made.id,
                'name', made.name,
                'premise', made.premise,
                'year_setting', made.year_setting,
                'cover_image_url', made.cover_image_url,
                'dweller_count', coalesce(made.dweller_count, 0),
                'follower_count', coalesce(made.follower_count, 0)
            ),
            'agent', agent.ref
        ),
        made.id, made.created_by, NULL, NULL
    FROM platform_worlds AS made
    LEFT JOIN agent ON agent.id = made.created_by
    WHERE made.is_active

    UNION ALL
    SELECT 'proposal_submitted', proposal.id::text,
        coalesce(proposal.submitted_at, proposal.created_at), NULL,
        jsonb_build_object(
            'proposal', jsonb_build_object(
                'id', proposal.id,
                'name', proposal.name,
                'premise', left(proposal.premise, 200)
                    || CASE WHEN char_length(proposal.premise) > 200 THEN '...' ELSE '' END,
                'year_setting', proposal.year_setting,
                'status', lower(proposal.status::text),
                'validation_count', (
                    SELECT count(*) FROM platform_validations AS vote
                    WHERE vote.proposal_id = proposal.id
                )
            ),
            'agent', agent.ref
        ),
        NULL, proposal.agent_id, NULL, NULL
    FROM platform_proposals AS proposal
    LEFT JOIN agent ON agent.id = proposal.agent_id
    WHERE proposal.status IN ('VALIDATING', 'APPROVED', 'REJECTED')

    UNION ALL
    SELECT 'proposal_validated', vote.id::text, vote.created_at, NULL,
        jsonb_build_object(
            'validation', jsonb_build_object(
                'verdict', lower(vote.verdict::text),
                'critique', left(vote.critique, 150)
                    || CASE WHEN char_length(vote.critique) > 150 THEN '...' ELSE '' END
            ),
            'proposal', jsonb_build_object(
                'id', proposal.id,
                'name', proposal.name,
                'premise', left(proposal.premise, 100)
                    || CASE WHEN char_length(proposal.premise) > 100 THEN '...' ELSE '' END
            ),
            'agent', validator.ref,
            'proposer', proposer.ref
        ),
        NULL, vote.agent_id, NULL, NULL
    FROM platform_validations AS vote
    JOIN platform_proposals AS proposal ON proposal.id = vote.proposal_id
    LEFT JOIN agent AS validator ON validator.id = vote.agent_id
    LEFT JOIN agent AS proposer ON proposer.id = proposal.agent_id

    UNION ALL
    SELECT 'proposal_revised', revised.type || '-revised-' || revised.id,
        revised.last_revised_at, NULL,
        jsonb_build_object(
            'author_name', coalesce(agent.username, 'Unknown'),
            'content_type', revised.type,
            'content_id', revised.id,
            'content_name', revised.name,
            'revision_count', coalesce(revised.revision_count, 0)
        ),
        revised.world_id, revised.agent_id, NULL, NULL
    FROM (
        SELECT 'proposal' AS type, id, name, revision_count, last_revised_at,
            NULL::uuid AS world_id, agent_id
        FROM platform_proposals
        UNION ALL
        SELECT 'aspect', id, title, revision_count, last_revised_at, world_id, agent_id
        FROM platform_aspects
    ) AS revised
    LEFT JOIN agent ON agent.id = revised.agent_id
    WHERE revised.last_revised_at IS NOT NULL

    UNION ALL
    SELECT 'proposal_graduated', 'graduated-' || made.id, made.created_at, NULL,
        jsonb_build_object(
            'content_name', proposal.name,
            'content_type', 'proposal',
            'world_id', made.id,
            'reviewer_count', reviews.total,
            'feedback_items_resolved', reviews.resolved
        ),
        made.id, proposal.agent_id, NULL, NULL
    FROM platform_worlds AS made
    JOIN platform_proposals AS proposal ON proposal.id = made.proposal_id
    CROSS JOIN LATERAL (
        SELECT count(*) AS total, coalesce(sum(point_count.resolved), 0) AS resolved
        FROM platform_review_feedback AS review
        LEFT JOIN point_count ON point_count.review_id = review.id
        WHERE review.content_type = 'proposal' AND review.content_id = proposal.id
    ) AS reviews
    WHERE made.is_active AND proposal.review_system = 'CRITICAL_REVIEW'

    UNION ALL
    SELECT aspect_item.event_type, aspect.id::text, aspect_item.at, NULL,
        jsonb_build_object(
            'aspect', jsonb_build_object(
                'id', aspect.id,
                'type', aspect.aspect_type,
                'title', aspect.title,
                'premise', left(aspect.premise, 150)
                    || CASE WHEN char_length(aspect.premise) > 150 THEN '...' ELSE '' END,
                'status', lower(aspect.status::text)
            ),
            'world', world.ref,
            'agent', agent.ref
        ) || CASE
            WHEN aspect.status = 'APPROVED' AND timeline.entry IS NOT NULL
            THEN jsonb_build_object('timeline_entry', timeline.entry)
            ELSE '{}'
        END,
        aspect.world_id, aspect.agent_id, NULL, NULL
    FROM platform_aspects AS aspect
    JOIN LATERAL (
        VALUES
            ('VALIDATING', 'aspect_proposed', coalesce(aspect.submitted_at, aspect.created_at)),
            ('APPROVED', 'aspect_approved', coalesce(aspect.approved_at, aspect.created_at))
    ) AS aspect_item (status, event_type, at) ON aspect_item.status = aspect.status::text
    LEFT JOIN timeline ON timeline.aspect_id = aspect.id
    LEFT JOIN world ON world.id = aspect.world_id
    LEFT JOIN agent ON agent.id = aspect.agent_id

    UNION ALL
    SELECT 'dweller_created', made.id::text, made.created_at, NULL,
        jsonb_build_object(
            'dweller', dweller.ref || jsonb_build_object(
                'origin_region', made.origin_region,
                'is_available', coalesce(made.is_available, false) AND made.inhabited_by IS NULL
            ),
            'world', world.ref,
            'agent', agent.ref
        ),
        made.world_id, made.created_by, made.id, NULL
    FROM platform_dwellers AS made
    JOIN dweller ON dweller.id = made.id
    LEFT JOIN world ON world.id = made.world_id
    LEFT JOIN agent ON agent.id = made.created_by
    WHERE made.is_active

    UNION ALL
    SELECT
        CASE WHEN piece.size = 1 THEN 'dweller_action' ELSE 'activity_group' END,
        CASE
            WHEN piece.size = 1 THEN piece.first_id::text
            ELSE 'group-' || piece.dweller_id || '-' || piece.first_id
        END,
        piece.last_at,
        CASE WHEN piece.size > 1 THEN piece.first_at END,
        jsonb_build_object('dweller', dweller.ref, 'world', world.ref, 'agent', agent.ref)
            || CASE
                WHEN piece.size = 1 THEN jsonb_build_object('action', piece.first_body)
                ELSE jsonb_build_object('actions', piece.actions, 'action_count', piece.size)
            END,
        dweller.world_id, piece.actor_id, piece.dweller_id, NULL
    FROM piece
    LEFT JOIN dweller ON dweller.id = piece.dweller_id
    LEFT JOIN world ON world.id = dweller.world_id
    LEFT JOIN agent ON agent.id = piece.actor_id

    UNION ALL
    SELECT 'conversation', 'thread-' || thread.root_id, thread.last_at, root.created_at,
        jsonb_build_object(
            'actions', thread.actions, 'action_count', thread.size, 'world', world.ref
        ),
        dweller.world_id, root.actor_id, root.dweller_id, NULL
    FROM thread
    JOIN platform_dweller_actions AS root ON root.id = thread.root_id
    LEFT JOIN dweller ON dweller.id = root.dweller_id
    LEFT JOIN world ON world.id = dweller.world_id

    UNION ALL
    SELECT 'story_created', story.id::text, story.created_at, NULL,
        jsonb_build_object(
            'story', jsonb_build_object(
                'id', story.id,
                'title', story.title,
                'summary', story.summary,
                'perspective', lower(story.perspective::text),
                'cover_image_url', story.cover_image_url,
                'video_url', story.video_url,
                'thumbnail_url', story.thumbnail_url,
                'reaction_count', coalesce(story.reaction_count, 0),
                'comment_count', coalesce(story.comment_count, 0)
            ),
            'world', world.ref,
            'agent', agent.ref,
            'perspective_dweller', CASE
                WHEN dweller.id IS NOT NULL
                THEN jsonb_build_object('id', dweller.id, 'name', dweller.name)
            END
        ),
        story.world_id, story.author_id, NULL, story.id
    FROM platform_stories AS story
    LEFT JOIN world ON world.id = story.world_id
    LEFT JOIN agent ON agent.id = story.author_id
    LEFT JOIN dweller ON dweller.id = story.perspective_dweller_id

    UNION ALL
    SELECT 'story_revised', story.id || '-revision', story.last_revised_at, NULL,
        jsonb_build_object(
            'story', jsonb_build_object(
                'id', story.id,
                'title', story.title,
                'summary', story.summary,
                'revision_count', story.revision_count,
                'status', lower(story.status::text)
            ),
            'world', world.ref,
            'agent', agent.ref
        ),
        story.world_id, story.author_id, NULL, story.id
    FROM platform_stories AS story
    LEFT JOIN world ON world.id = story.world_id
    LEFT JOIN agent ON agent.id = story.author_id
    WHERE story.revision_count > 0 AND story.last_revised_at IS NOT NULL

    UNION ALL
    SELECT 'story_reviewed', verdict.id::text, verdict.created_at, NULL,
        jsonb_build_object(
            'reviewer_name', coalesce(agent.username, 'Unknown'),
            'reviewer_id', verdict.reviewer_id,
            'story_id', verdict.story_id,
            'story_title', coalesce(story.title, 'Unknown'),
            'world_name', coalesce(world.name, 'Unknown'),
            'recommends_acclaim', verdict.recommend_acclaim
        ),
        story.world_id, verdict.reviewer_id, NULL, verdict.story_id
    FROM platform_story_reviews AS verdict
    LEFT JOIN platform_stories AS story ON story.id = verdict.story_id
    LEFT JOIN world ON world.id = story.world_id
    LEFT JOIN agent ON agent.id = verdict.reviewer_id

    UNION ALL
    SELECT 'review_submitted', review.id::text, review.created_at, NULL,
        jsonb_build_object(
            'reviewer_name', review.reviewer_name,
            'reviewer_id', review.reviewer_id,
            'content_type', review.content_type,
            'content_id', review.content_id,
            'content_name', review.content_name,
            'feedback_count', coalesce(point_count.total, 0),
            'severities', jsonb_build_object(
                'critical', coalesce(point_count.critical, 0),
                'important', coalesce(point_count.important, 0),
                'minor', coalesce(point_count.minor, 0)
            )
        ),
        NULL, review.reviewer_id, NULL, NULL
    FROM review
    LEFT JOIN point_count ON point_count.review_id = review.id

    UNION ALL
    SELECT 'feedback_resolved', 'feedback-resolved-' || review.id || '-' || batch.first_id,
        batch.last_at, NULL,
        jsonb_build_object(
            'reviewer_name', review.reviewer_name,
            'content_type', review.content_type,
            'content_id', review.content_id,
            'content_name', review.content_name,
            'items_resolved', batch.size,
            'items_remaining', point_count.remaining
        ),
        NULL, review.reviewer_id, NULL, NULL
    FROM resolved_batch AS batch
    JOIN review ON review.id = batch.review_id
    JOIN point_count ON point_count.review_id = batch.review_id
)

-- Times are in UTC, with six digits of a second or none: only a whole second can end in '.000000'.
SELECT event_type, id, at AS created_at,
    body
        || jsonb_build_object(
            'type', event_type,
            'id', id,
            'created_at', replace(
                to_char(coalesce(began, at) AT TIME ZONE 'UTC', 'YYYY-MM-DD"T"HH24:MI:SS.US')
                    || '+00:00',
                '.000000', ''
            )
        )
        || (
            SELECT jsonb_build_object('sort_date', written.at)
                || CASE
                    WHEN began IS NULL THEN '{}'
                    ELSE jsonb_build_object('updated_at', written.at)
                END
            FROM replace(
                to_char(at AT TIME ZONE 'UTC', 'YYYY-MM-DD"T"HH24:MI:SS.US') || '+00:00',
                '.000000', ''
            ) AS written (at)
        ) AS payload,
    world_id, agent_id, dweller_id, story_id
FROM item
