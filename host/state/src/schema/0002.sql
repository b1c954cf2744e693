-- What a call chose before it relied on it: an id, a key's address, a certificate.
CREATE TABLE choices (
    run TEXT NOT NULL,
    branch TEXT NOT NULL,
    sequence BIGINT NOT NULL,
    name TEXT NOT NULL,
    value TEXT NOT NULL,
    chosen_at BIGINT NOT NULL,
    record BIGINT NOT NULL UNIQUE,
    PRIMARY KEY (run, branch, sequence, name),
    FOREIGN KEY (run, branch, sequence) REFERENCES calls (run, branch, sequence) ON DELETE CASCADE
);

-- How often a run was taken up again, and the options of the command line that name its tenant.
ALTER TABLE runs ADD COLUMN attempts BIGINT NOT NULL DEFAULT 0;
ALTER TABLE runs ADD COLUMN options TEXT NOT NULL DEFAULT '[]';

-- Evidence counts only where its sequence is greater: what the connector signs in with was changed then.
ALTER TABLE connectors ADD COLUMN evidence_after BIGINT NOT NULL DEFAULT 0;

-- The branch of its run that took a pause, and may take it back.
ALTER TABLE leases ADD COLUMN branch TEXT NOT NULL DEFAULT '';

-- What is found by the marker of a step is ours.
CREATE INDEX steps_by_name ON steps (name);
