-- The audit chains. Their links outlive what they are of: a purge takes records away, never a link.

INSERT INTO counters (name, value) VALUES ('link', 0);

-- The chain of the host: heads of runs, events, evidence, and what was done to the chain itself.
-- `content` is there where no other table has it; `digest` and `chain` are keyed.
CREATE TABLE links (
    number BIGINT PRIMARY KEY,
    at BIGINT NOT NULL,
    kind TEXT NOT NULL,
    subject TEXT NOT NULL,
    content TEXT,
    digest TEXT NOT NULL,
    chain TEXT NOT NULL
);

-- One chain for each run, over the records of its journal and what became of the run itself. The
-- numbers are those of the records.
CREATE TABLE run_links (
    record BIGINT PRIMARY KEY,
    run TEXT NOT NULL,
    kind TEXT NOT NULL,
    subject TEXT NOT NULL,
    content TEXT,
    digest TEXT NOT NULL,
    chain TEXT NOT NULL
);
CREATE INDEX run_links_of_run ON run_links (run, record);
