-- The PostgreSQL twin has the same tables, columns and indexes. Times are nanoseconds since 1970, UTC, and 0 is none;
-- durations are nanoseconds.

-- +goose Up
CREATE TABLE rounds (
    id         TEXT    PRIMARY KEY,
    title      TEXT    NOT NULL,
    scenario   TEXT    NOT NULL,
    difficulty TEXT    NOT NULL,
    season     TEXT    NOT NULL,
    opens      INTEGER NOT NULL,
    closes     INTEGER NOT NULL,
    timebox    INTEGER NOT NULL,
    created_by TEXT    NOT NULL,
    created_at INTEGER NOT NULL,
    revealed   INTEGER NOT NULL,
    version    INTEGER NOT NULL
) STRICT;
CREATE INDEX rounds_newest ON rounds (created_at, id);
CREATE INDEX rounds_season ON rounds (season, opens, id);

CREATE TABLE sessions (
    id         TEXT    PRIMARY KEY,
    title      TEXT    NOT NULL,
    mode       TEXT    NOT NULL,
    scenario   TEXT    NOT NULL,
    difficulty TEXT    NOT NULL,
    round      TEXT    REFERENCES rounds (id),
    created_by TEXT    NOT NULL,
    created_at INTEGER NOT NULL,
    state      TEXT    NOT NULL,
    page_at    INTEGER NOT NULL,
    timebox    INTEGER NOT NULL,
    closes     INTEGER NOT NULL,
    clock_page INTEGER NOT NULL,
    pauses     TEXT    NOT NULL, -- JSON: [[from, to], ...]
    speed      REAL    NOT NULL,
    unranked   INTEGER NOT NULL,
    ended_at   INTEGER NOT NULL,
    end_reason TEXT    NOT NULL,
    failure    TEXT    NOT NULL,
    revealed   INTEGER NOT NULL,
    version    INTEGER NOT NULL,
    change     INTEGER NOT NULL, -- number of the last change of any session
    secret     BLOB    NOT NULL
) STRICT;
CREATE INDEX sessions_newest ON sessions (created_at, id);
CREATE INDEX sessions_state ON sessions (state);
CREATE INDEX sessions_round ON sessions (round);
CREATE UNIQUE INDEX sessions_change ON sessions (change);

CREATE TABLE participants (
    session   TEXT    NOT NULL REFERENCES sessions (id),
    player    TEXT    NOT NULL,
    joined_at INTEGER NOT NULL,
    PRIMARY KEY (session, player)
) STRICT;
CREATE INDEX participants_player ON participants (player, session);

CREATE TABLE current_sessions (
    player  TEXT PRIMARY KEY,
    session TEXT NOT NULL REFERENCES sessions (id)
) STRICT;

CREATE TABLE submissions (
    id             INTEGER PRIMARY KEY,
    session        TEXT    NOT NULL REFERENCES sessions (id),
    player         TEXT    NOT NULL,
    key            TEXT    NOT NULL,
    suspects       TEXT    NOT NULL, -- JSON: [{"component", "cause", "onset"}, ...]
    nothing_broken INTEGER NOT NULL,
    reasoning      TEXT    NOT NULL,
    at             INTEGER NOT NULL,
    elapsed        INTEGER NOT NULL,
    correct        INTEGER NOT NULL,
    penalty        INTEGER NOT NULL,
    locked_for     INTEGER NOT NULL
) STRICT;
CREATE UNIQUE INDEX submissions_key ON submissions (session, player, key);
CREATE INDEX submissions_player ON submissions (session, player, id);

CREATE TABLE hypotheses (
    id      INTEGER PRIMARY KEY,
    session TEXT    NOT NULL REFERENCES sessions (id),
    player  TEXT    NOT NULL,
    text    TEXT    NOT NULL,
    status  TEXT    NOT NULL,
    at      INTEGER NOT NULL,
    changes TEXT    NOT NULL -- JSON: [{"at", "status"}, ...]
) STRICT;
CREATE INDEX hypotheses_player ON hypotheses (session, player, id);

CREATE TABLE events (
    id      INTEGER PRIMARY KEY,
    session TEXT    NOT NULL REFERENCES sessions (id),
    at      INTEGER NOT NULL,
    kind    TEXT    NOT NULL,
    service TEXT    NOT NULL,
    title   TEXT    NOT NULL,
    text    TEXT    NOT NULL,
    author  TEXT    NOT NULL
) STRICT;
CREATE INDEX events_session ON events (session, id);

-- What was refused may name a session that does not exist, hence no reference.
CREATE TABLE audit (
    id      INTEGER PRIMARY KEY,
    at      INTEGER NOT NULL,
    actor   TEXT    NOT NULL,
    role    TEXT    NOT NULL,
    remote  TEXT    NOT NULL,
    action  TEXT    NOT NULL,
    session TEXT    NOT NULL,
    detail  TEXT    NOT NULL,
    refused INTEGER NOT NULL
) STRICT;
CREATE INDEX audit_session ON audit (session, id);

CREATE TABLE trail (
    id         INTEGER PRIMARY KEY,
    session    TEXT    NOT NULL REFERENCES sessions (id),
    player     TEXT    NOT NULL,
    at         INTEGER NOT NULL,
    backend    TEXT    NOT NULL,
    endpoint   TEXT    NOT NULL,
    query      TEXT    NOT NULL,
    range_from INTEGER NOT NULL,
    range_to   INTEGER NOT NULL,
    status     INTEGER NOT NULL,
    took       INTEGER NOT NULL,
    bytes      INTEGER NOT NULL
) STRICT;
CREATE INDEX trail_player ON trail (session, player, id);

CREATE TABLE tokens (
    id         TEXT    PRIMARY KEY,
    role       TEXT    NOT NULL,
    name       TEXT    NOT NULL,
    hash       BLOB    NOT NULL,
    created_at INTEGER NOT NULL,
    expires    INTEGER NOT NULL,
    revoked    INTEGER NOT NULL
) STRICT;
CREATE UNIQUE INDEX tokens_hash ON tokens (hash);

CREATE TABLE checkpoints (
    session TEXT PRIMARY KEY REFERENCES sessions (id),
    data    BLOB NOT NULL
) STRICT;

CREATE TABLE done (
    actor   TEXT    NOT NULL,
    key     TEXT    NOT NULL,
    request TEXT    NOT NULL,
    result  TEXT    NOT NULL,
    at      INTEGER NOT NULL,
    PRIMARY KEY (actor, key)
) STRICT;
CREATE INDEX done_at ON done (at);
