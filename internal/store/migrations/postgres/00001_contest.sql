-- The SQLite twin has the same tables, columns and indexes. Times are nanoseconds since 1970, UTC, and 0 is none;
-- durations are nanoseconds.

-- +goose Up
CREATE TABLE rounds (
    id         TEXT    PRIMARY KEY,
    title      TEXT    NOT NULL,
    scenario   TEXT    NOT NULL,
    difficulty TEXT    NOT NULL,
    season     TEXT    NOT NULL,
    opens      BIGINT  NOT NULL,
    closes     BIGINT  NOT NULL,
    timebox    BIGINT  NOT NULL,
    created_by TEXT    NOT NULL,
    created_at BIGINT  NOT NULL,
    revealed   BIGINT  NOT NULL,
    version    BIGINT  NOT NULL
);
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
    created_at BIGINT  NOT NULL,
    state      TEXT    NOT NULL,
    page_at    BIGINT  NOT NULL,
    timebox    BIGINT  NOT NULL,
    closes     BIGINT  NOT NULL,
    clock_page BIGINT  NOT NULL,
    pauses     TEXT    NOT NULL, -- JSON: [[from, to], ...]
    speed      DOUBLE PRECISION NOT NULL,
    unranked   BOOLEAN NOT NULL,
    ended_at   BIGINT  NOT NULL,
    end_reason TEXT    NOT NULL,
    failure    TEXT    NOT NULL,
    revealed   BIGINT  NOT NULL,
    version    BIGINT  NOT NULL,
    change     BIGINT  NOT NULL, -- number of the last change of any session
    secret     BYTEA    NOT NULL
);
CREATE INDEX sessions_newest ON sessions (created_at, id);
CREATE INDEX sessions_state ON sessions (state);
CREATE INDEX sessions_round ON sessions (round);
CREATE UNIQUE INDEX sessions_change ON sessions (change);

CREATE TABLE participants (
    session   TEXT    NOT NULL REFERENCES sessions (id),
    player    TEXT    NOT NULL,
    joined_at BIGINT  NOT NULL,
    PRIMARY KEY (session, player)
);
CREATE INDEX participants_player ON participants (player, session);

CREATE TABLE current_sessions (
    player  TEXT PRIMARY KEY,
    session TEXT NOT NULL REFERENCES sessions (id)
);

CREATE TABLE submissions (
    id             BIGINT GENERATED ALWAYS AS IDENTITY PRIMARY KEY,
    session        TEXT    NOT NULL REFERENCES sessions (id),
    player         TEXT    NOT NULL,
    key            TEXT    NOT NULL,
    suspects       TEXT    NOT NULL, -- JSON: [{"component", "cause", "onset"}, ...]
    nothing_broken BOOLEAN NOT NULL,
    reasoning      TEXT    NOT NULL,
    at             BIGINT  NOT NULL,
    elapsed        BIGINT  NOT NULL,
    correct        BOOLEAN NOT NULL,
    penalty        BIGINT  NOT NULL,
    locked_for     BIGINT  NOT NULL
);
CREATE UNIQUE INDEX submissions_key ON submissions (session, player, key);
CREATE INDEX submissions_player ON submissions (session, player, id);

CREATE TABLE hypotheses (
    id      BIGINT GENERATED ALWAYS AS IDENTITY PRIMARY KEY,
    session TEXT    NOT NULL REFERENCES sessions (id),
    player  TEXT    NOT NULL,
    text    TEXT    NOT NULL,
    status  TEXT    NOT NULL,
    at      BIGINT  NOT NULL,
    changes TEXT    NOT NULL -- JSON: [{"at", "status"}, ...]
);
CREATE INDEX hypotheses_player ON hypotheses (session, player, id);

CREATE TABLE events (
    id      BIGINT GENERATED ALWAYS AS IDENTITY PRIMARY KEY,
    session TEXT    NOT NULL REFERENCES sessions (id),
    at      BIGINT  NOT NULL,
    kind    TEXT    NOT NULL,
    service TEXT    NOT NULL,
    title   TEXT    NOT NULL,
    text    TEXT    NOT NULL,
    author  TEXT    NOT NULL
);
CREATE INDEX events_session ON events (session, id);

-- What was refused may name a session that does not exist, hence no reference.
CREATE TABLE audit (
    id      BIGINT GENERATED ALWAYS AS IDENTITY PRIMARY KEY,
    at      BIGINT  NOT NULL,
    actor   TEXT    NOT NULL,
    role    TEXT    NOT NULL,
    remote  TEXT    NOT NULL,
    action  TEXT    NOT NULL,
    session TEXT    NOT NULL,
    detail  TEXT    NOT NULL,
    refused BOOLEAN NOT NULL
);
CREATE INDEX audit_session ON audit (session, id);

CREATE TABLE trail (
    id         BIGINT GENERATED ALWAYS AS IDENTITY PRIMARY KEY,
    session    TEXT    NOT NULL REFERENCES sessions (id),
    player     TEXT    NOT NULL,
    at         BIGINT  NOT NULL,
    backend    TEXT    NOT NULL,
    endpoint   TEXT    NOT NULL,
    query      TEXT    NOT NULL,
    range_from BIGINT  NOT NULL,
    range_to   BIGINT  NOT NULL,
    status     BIGINT  NOT NULL,
    took       BIGINT  NOT NULL,
    bytes      BIGINT  NOT NULL
);
CREATE INDEX trail_player ON trail (session, player, id);

CREATE TABLE tokens (
    id         TEXT    PRIMARY KEY,
    role       TEXT    NOT NULL,
    name       TEXT    NOT NULL,
    hash       BYTEA    NOT NULL,
    created_at BIGINT  NOT NULL,
    expires    BIGINT  NOT NULL,
    revoked    BIGINT  NOT NULL
);
CREATE UNIQUE INDEX tokens_hash ON tokens (hash);

CREATE TABLE checkpoints (
    session TEXT PRIMARY KEY REFERENCES sessions (id),
    data    BYTEA NOT NULL
);

CREATE TABLE done (
    actor   TEXT    NOT NULL,
    key     TEXT    NOT NULL,
    request TEXT    NOT NULL,
    result  TEXT    NOT NULL,
    at      BIGINT  NOT NULL,
    PRIMARY KEY (actor, key)
);
CREATE INDEX done_at ON done (at);
