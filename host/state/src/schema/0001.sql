-- Only TEXT and BIGINT: times are milliseconds since 1970, yes and no are 1 and 0, JSON is text.

CREATE TABLE counters (
    name TEXT PRIMARY KEY,
    value BIGINT NOT NULL
);
INSERT INTO counters (name, value) VALUES ('record', 0), ('event', 0), ('evidence', 0);

-- One row per host: who may write for it. A higher epoch took over from a lower one.
CREATE TABLE writers (
    host_id TEXT PRIMARY KEY,
    epoch BIGINT NOT NULL,
    run TEXT NOT NULL,
    owner TEXT NOT NULL,
    since BIGINT NOT NULL
);

CREATE TABLE connectors (
    id TEXT PRIMARY KEY,
    name TEXT NOT NULL UNIQUE,
    tenant_id TEXT NOT NULL,
    tenant_name TEXT NOT NULL,
    sandbox BIGINT NOT NULL,
    identity_type TEXT NOT NULL,
    account_upn TEXT,
    account_object_id TEXT,
    account_password TEXT,
    client_id TEXT,
    mode TEXT,
    app_id TEXT,
    app_object_id TEXT,
    app_principal_id TEXT,
    app_display_name TEXT,
    app_key_id TEXT,
    certificate_sha256 TEXT,
    key_uri TEXT,
    algorithm TEXT,
    sync_job TEXT NOT NULL,
    run_as TEXT,
    created_at BIGINT NOT NULL,
    changed_at BIGINT NOT NULL,
    activated_at BIGINT
);

CREATE TABLE schedulers (
    connector_id TEXT PRIMARY KEY REFERENCES connectors (id) ON DELETE CASCADE,
    customized_sync_cycle_interval BIGINT,
    next_sync_cycle_policy_type TEXT NOT NULL,
    purge_run_history_interval BIGINT NOT NULL,
    sync_cycle_enabled BIGINT NOT NULL,
    maintenance_enabled BIGINT NOT NULL,
    staging_mode_enabled BIGINT NOT NULL,
    scheduler_suspended BIGINT NOT NULL
);

CREATE TABLE leases (
    id TEXT PRIMARY KEY,
    connector_id TEXT NOT NULL REFERENCES connectors (id) ON DELETE CASCADE,
    run TEXT NOT NULL,
    depth BIGINT NOT NULL,
    reason TEXT NOT NULL,
    taken_at BIGINT NOT NULL,
    deadline BIGINT NOT NULL,
    boot_deadline BIGINT NOT NULL,
    owner TEXT NOT NULL,
    released_at BIGINT
);
CREATE INDEX leases_of_connector ON leases (connector_id, released_at);

CREATE TABLE certificates (
    certificate_sha256 TEXT PRIMARY KEY,
    thumbprint TEXT NOT NULL,
    subject TEXT NOT NULL,
    issuer TEXT NOT NULL,
    serial_number TEXT NOT NULL,
    not_before BIGINT NOT NULL,
    not_after BIGINT NOT NULL,
    der TEXT NOT NULL,
    key_uri TEXT,
    provider TEXT NOT NULL,
    hardware BIGINT NOT NULL,
    exportable BIGINT NOT NULL,
    algorithm TEXT,
    connector_id TEXT,
    store TEXT NOT NULL,
    status TEXT NOT NULL,
    key_id TEXT,
    created_at BIGINT NOT NULL,
    changed_at BIGINT NOT NULL,
    sandbox BIGINT NOT NULL
);
CREATE INDEX certificates_of_connector ON certificates (connector_id);

CREATE TABLE sync_runs (
    id TEXT PRIMARY KEY,
    connector_id TEXT NOT NULL,
    run TEXT NOT NULL,
    started_at BIGINT NOT NULL,
    ended_at BIGINT,
    result TEXT NOT NULL,
    policy_type TEXT NOT NULL,
    job TEXT NOT NULL,
    message TEXT,
    roles TEXT NOT NULL,
    owner TEXT NOT NULL,
    sandbox BIGINT NOT NULL
);
CREATE INDEX sync_runs_of_connector ON sync_runs (connector_id, started_at);

CREATE TABLE events (
    sequence BIGINT PRIMARY KEY,
    at BIGINT NOT NULL,
    source TEXT NOT NULL,
    event_id BIGINT NOT NULL,
    level TEXT NOT NULL,
    message TEXT NOT NULL,
    data TEXT NOT NULL,
    connector_id TEXT,
    run TEXT,
    host TEXT NOT NULL,
    sandbox BIGINT NOT NULL
);
CREATE INDEX events_of_connector ON events (connector_id, sequence);

CREATE TABLE evidence (
    sequence BIGINT PRIMARY KEY,
    at BIGINT NOT NULL,
    kind TEXT NOT NULL,
    connector_id TEXT NOT NULL,
    tenant_id TEXT NOT NULL,
    app_id TEXT NOT NULL,
    principal_id TEXT NOT NULL,
    key_id TEXT NOT NULL,
    certificate_sha256 TEXT NOT NULL,
    key_uri TEXT NOT NULL,
    host TEXT NOT NULL,
    run TEXT NOT NULL,
    detail TEXT NOT NULL,
    sandbox BIGINT NOT NULL
);
CREATE INDEX evidence_of_connector ON evidence (connector_id, at);

CREATE TABLE runs (
    id TEXT PRIMARY KEY,
    script TEXT NOT NULL,
    parameters TEXT NOT NULL,
    started_at BIGINT NOT NULL,
    ended_at BIGINT,
    status TEXT NOT NULL,
    exit_code BIGINT,
    tenant_id TEXT,
    sandbox BIGINT,
    owner TEXT NOT NULL
);

-- Texts are kept once, however many runs use them.
CREATE TABLE sources (
    sha256 TEXT PRIMARY KEY,
    content TEXT NOT NULL
);

CREATE TABLE run_sources (
    run TEXT NOT NULL REFERENCES runs (id) ON DELETE CASCADE,
    name TEXT NOT NULL,
    sha256 TEXT NOT NULL REFERENCES sources (sha256),
    PRIMARY KEY (run, name)
);

-- The journal. Every record has a number that grows within the store: a call or a step is two
-- records, one for its begin and one for its end.
CREATE TABLE calls (
    run TEXT NOT NULL REFERENCES runs (id) ON DELETE CASCADE,
    branch TEXT NOT NULL,
    sequence BIGINT NOT NULL,
    cmdlet TEXT NOT NULL,
    arguments TEXT NOT NULL,
    capability TEXT,
    began_at BIGINT NOT NULL,
    began_record BIGINT NOT NULL UNIQUE,
    ended_at BIGINT,
    ended_record BIGINT UNIQUE,
    result TEXT,
    outcome TEXT,
    PRIMARY KEY (run, branch, sequence)
);

CREATE TABLE steps (
    run TEXT NOT NULL,
    branch TEXT NOT NULL,
    sequence BIGINT NOT NULL,
    step BIGINT NOT NULL,
    name TEXT NOT NULL,
    summary TEXT NOT NULL,
    marker TEXT NOT NULL,
    undo TEXT NOT NULL,
    intended_at BIGINT NOT NULL,
    intended_record BIGINT NOT NULL UNIQUE,
    ended_at BIGINT,
    ended_record BIGINT UNIQUE,
    result TEXT,
    outcome TEXT,
    found BIGINT,
    PRIMARY KEY (run, branch, sequence, step),
    FOREIGN KEY (run, branch, sequence) REFERENCES calls (run, branch, sequence) ON DELETE CASCADE
);
