//! Runs of scripts, and the texts that they ran.

use base::{Code, Diagnostic, Result, Timestamp};
use effect::RunId;
use serde::{Deserialize, Serialize};
use serde_json::{Value, json};

use crate::audit::{begin_content, of_run};
use crate::database::Transaction;
use crate::folder::sha256;
use crate::owner::{Census, Owner};
use crate::query::{Query, Row};
use crate::store::Store;
use crate::writer::Writer;

words! {
    /// What became of a run.
    pub enum RunStatus {
        /// It runs.
        Running = "running",
        /// It ended well.
        Done = "done",
        /// It failed, and what it did was undone.
        Failed = "failed",
        /// It failed, and something is left to do by hand.
        Unfinished = "unfinished",
        /// It was interrupted, or its process ended before it did; it can be resumed.
        Interrupted = "interrupted",
        /// It failed, and taking back what it did was interrupted; that can be gone on with.
        Unwinding = "unwinding",
    }
}

/// A run of a script.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
pub struct Run {
    /// Its id.
    pub id: String,
    /// The script's name.
    pub script: String,
    /// The script's parameters as given, with sealed handles in the place of secrets.
    pub parameters: Value,
    /// When it started.
    pub started_at: Timestamp,
    /// When it ended.
    pub ended_at: Option<Timestamp>,
    /// What became of it.
    pub status: RunStatus,
    /// What the process answered.
    pub exit_code: Option<i64>,
    /// The tenant in view, once it was known.
    pub tenant_id: Option<String>,
    /// Whether that tenant is the sandbox.
    pub sandbox: Option<bool>,
    /// The process that runs it.
    pub owner: Owner,
    /// How often it was taken up again.
    pub attempts: i64,
    /// The options of the command line that name its tenant, to be typed again.
    pub options: Vec<String>,
}

/// A run that starts.
#[derive(Clone, Debug, Default, PartialEq)]
pub struct NewRun {
    /// The script's name.
    pub script: String,
    /// The script's parameters as given, with sealed handles in the place of secrets.
    pub parameters: Value,
    /// The options of the command line that name its tenant.
    pub options: Vec<String>,
    /// The texts that it runs: pairs of name and text. There is no run without them, however early it is
    /// killed.
    pub sources: Vec<(String, String)>,
}

/// The text of a script or module that a run ran.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct Source {
    /// What the run knows it by; the entry script's name comes from [`Run::script`].
    pub name: String,
    /// SHA-256 of the text, upper hex.
    pub sha256: String,
    /// The text.
    pub text: String,
}

impl Store {
    /// The latest runs, latest first; at most `limit`.
    ///
    /// # Errors
    /// As the database says.
    pub async fn find_runs(&self, limit: u32) -> Result<Vec<Run>> {
        let query = Query::new("SELECT * FROM runs ORDER BY started_at DESC, id DESC LIMIT $1");
        let rows = self.rows(query.bind(i64::from(limit))).await?;
        let census = self.census().await?;
        rows.iter().map(|row| read(row, &census, self)).collect()
    }

    /// The runs that stopped before they ended, latest first: interrupted ones, and those whose steps are
    /// being taken back.
    ///
    /// # Errors
    /// As the database says.
    pub async fn find_stopped_runs(&self) -> Result<Vec<Run>> {
        let query = Query::new(
            "SELECT * FROM runs WHERE status IN ('running', 'interrupted', 'unwinding') \
             ORDER BY started_at DESC, id DESC",
        );
        let rows = self.rows(query).await?;
        if rows.is_empty() {
            return Ok(Vec::new());
        }
        let census = self.census().await?;
        let mut runs =
            rows.iter().map(|row| read(row, &census, self)).collect::<Result<Vec<_>>>()?;
        runs.retain(|run| run.status != RunStatus::Running);
        Ok(runs)
    }

    /// The run of that id, if there is one.
    ///
    /// # Errors
    /// As the database says.
    pub async fn find_run(&self, id: &RunId) -> Result<Option<Run>> {
        let query = Query::new("SELECT * FROM runs WHERE id = $1").bind(&id.0);
        let Some(row) = self.row(query).await? else { return Ok(None) };
        read(&row, &self.census().await?, self).map(Some)
    }

    /// The texts that a run ran, by name.
    ///
    /// # Errors
    /// As the database says.
    pub async fn run_sources(&self, id: &RunId) -> Result<Vec<Source>> {
        let query = Query::new(
            "SELECT run_sources.name, sources.sha256, sources.content FROM run_sources \
             JOIN sources ON sources.sha256 = run_sources.sha256 WHERE run_sources.run = $1",
        )
        .bind(&id.0);
        let rows = self.rows(query).await?;
        let mut sources = rows
            .iter()
            .map(|row| {
                let (name, sha256) = (row.text("name")?, row.text("sha256")?);
                // JSON, because a script's text may hold characters that no database takes.
                Ok(Source { name, sha256, text: row.json("content")? })
            })
            .collect::<Result<Vec<_>>>()?;
        sources.sort_by(|left, right| left.name.cmp(&right.name));
        Ok(sources)
    }
}

impl Writer {
    /// Records that this writer's run starts. It must be the first thing that is written for a run.
    /// A power failure right afterwards may forget it, as nothing was changed yet.
    ///
    /// # Errors
    /// `StateRestored` where the state is older than its audit anchor, and as the database says.
    pub async fn begin_run(&self, new: NewRun) -> Result<()> {
        self.check_anchor().await?;
        let now = self.now();
        let query = Query::new(
            "INSERT INTO runs (id, script, started_at, status, parameters, owner, options) \
             VALUES ($1, $2, $3, 'running', $4, $5, $6)",
        )
        .bind(&self.run().0)
        .bind(&new.script)
        .bind(now)
        .bind_json(&new.parameters)?
        .bind_json(self.owner())?
        .bind_json(&new.options)?;
        let mut change = self.begin_relaxed().await?;
        let result = async {
            change.execute(query).await?;
            let mut content = begin_content(&self.run().0, &new.script, &new.parameters, now);
            content["owner"] = json!(self.owner());
            content["options"] = json!(new.options);
            content["attempts"] = json!(0);
            self.link_run(&mut change, of_run::BEGIN, &content).await?;
            if new.sources.is_empty() {
                return Ok(());
            }
            self.insert_sources(&mut change, &new.sources).await
        }
        .await;
        self.finish(change, result).await
    }

    /// Records that this writer's run, which was interrupted before, goes on in this process: with
    /// its script, or with taking back what it did.
    ///
    /// # Errors
    /// `RunUnknown` where there is no such run, else as [`Writer::begin_run`].
    pub async fn resume_run(&self, status: RunStatus) -> Result<()> {
        self.check_anchor().await?;
        let query = Query::new(
            "UPDATE runs SET status = $3, ended_at = NULL, exit_code = NULL, owner = $2, \
             attempts = attempts + 1 WHERE id = $1 RETURNING attempts",
        )
        .bind(&self.run().0)
        .bind_json(self.owner())?
        .bind(status.as_str());
        let mut change = self.begin().await?;
        let result = async {
            let Some(row) = change.row(query).await? else { return Err(unknown(self.run())) };
            let attempts = row.number("attempts")?;
            let content = json!({ "owner": self.owner(), "status": status, "attempts": attempts });
            self.link_run(&mut change, of_run::RESUME, &content).await.map(drop)
        }
        .await;
        self.finish(change, result).await
    }

    /// Keeps the text of a script or module with this writer's run. The same text is kept once,
    /// however many runs use it.
    ///
    /// # Errors
    /// As the database says.
    pub async fn keep_source(&self, name: &str, text: &str) -> Result<()> {
        self.keep_sources(&[(name, text)]).await
    }

    /// As [`Writer::keep_source`], for several at once: pairs of name and text.
    ///
    /// # Errors
    /// As the database says.
    pub async fn keep_sources(&self, sources: &[(&str, &str)]) -> Result<()> {
        let mut change = self.begin_relaxed().await?;
        let owned = |(name, text): &(&str, &str)| ((*name).to_owned(), (*text).to_owned());
        let sources: Vec<(String, String)> = sources.iter().map(owned).collect();
        let result = self.insert_sources(&mut change, &sources).await;
        self.finish(change, result).await
    }

    async fn insert_sources(
        &self,
        change: &mut Transaction<'_>,
        sources: &[(String, String)],
    ) -> Result<()> {
        for (name, text) in sources {
            let digest = sha256(text.as_bytes());
            let kept = Query::new(
                "INSERT INTO sources (sha256, content) VALUES ($1, $2) \
                 ON CONFLICT (sha256) DO NOTHING",
            );
            change.execute(kept.bind(&digest).bind_json(text)?).await?;
            let named = Query::new(
                "INSERT INTO run_sources (run, name, sha256) VALUES ($1, $2, $3) \
                 ON CONFLICT (run, name) DO UPDATE SET sha256 = excluded.sha256",
            );
            let named = named.bind(&self.run().0).bind(name).bind(&digest);
            change.execute(named).await?;
        }
        self.link_sources(change).await
    }

    /// Forgets the texts of this writer's run whose names begin with `prefix`.
    ///
    /// # Errors
    /// As the database says.
    pub async fn forget_sources(&self, prefix: &str) -> Result<()> {
        let mut change = self.begin().await?;
        let result = async {
            let kept =
                Query::new("SELECT name FROM run_sources WHERE run = $1").bind(&self.run().0);
            for row in change.rows(kept).await? {
                let name = row.text("name")?;
                if name.starts_with(prefix) {
                    let forgotten =
                        Query::new("DELETE FROM run_sources WHERE run = $1 AND name = $2");
                    change.execute(forgotten.bind(&self.run().0).bind(&name)).await?;
                }
            }
            self.link_sources(&mut change).await
        }
        .await;
        self.finish(change, result).await
    }

    /// Records which tenant the run has in view. A run has one tenant.
    ///
    /// # Errors
    /// `ConnectorTenant` where it had another one before.
    pub async fn set_run_tenant(&self, tenant_id: &str, sandbox: bool) -> Result<()> {
        let query = Query::new(
            "UPDATE runs SET tenant_id = $2, sandbox = $3 \
             WHERE id = $1 AND (tenant_id IS NULL OR tenant_id = $2)",
        )
        .bind(&self.run().0)
        .bind(tenant_id)
        .bind(sandbox);
        let mut change = self.begin().await?;
        let result = match change.execute(query).await {
            Ok(0) => Err(other_tenant(self.run(), tenant_id)),
            Ok(_) => {
                let content = json!({ "tenant_id": tenant_id, "sandbox": sandbox });
                self.link_run(&mut change, of_run::TENANT, &content).await.map(drop)
            }
            Err(error) => Err(error),
        };
        self.finish(change, result).await
    }

    /// Records what is being done with this writer's run.
    ///
    /// # Errors
    /// As the database says.
    pub async fn set_run_status(&self, status: RunStatus) -> Result<()> {
        let query = Query::new("UPDATE runs SET status = $2 WHERE id = $1")
            .bind(&self.run().0)
            .bind(status.as_str());
        let mut change = self.begin().await?;
        let result = async {
            change.execute(query).await?;
            let content = json!({ "status": status });
            self.link_run(&mut change, of_run::STATUS, &content).await.map(drop)
        }
        .await;
        self.finish(change, result).await
    }

    /// Records what became of this writer's run, and releases the leases that it still holds. Where
    /// the store has an anchor, it then names the end of the audit chain.
    ///
    /// # Errors
    /// As the database says, and where the anchor cannot be written.
    pub async fn end_run(&self, status: RunStatus, exit_code: i64) -> Result<()> {
        let now = self.now();
        let ended =
            Query::new("UPDATE runs SET status = $2, exit_code = $3, ended_at = $4 WHERE id = $1")
                .bind(&self.run().0)
                .bind(status.as_str())
                .bind(exit_code)
                .bind(now);
        let released =
            Query::new("UPDATE leases SET released_at = $2 WHERE run = $1 AND released_at IS NULL")
                .bind(&self.run().0)
                .bind(now);
        let mut change = self.begin().await?;
        let result = async {
            let known = change.execute(ended).await?;
            change.execute(released).await?;
            if known == 0 {
                return Ok(None);
            }
            let content = json!({
                "status": status, "exit_code": exit_code, "ended_at": now.as_millis(),
            });
            self.link_run(&mut change, of_run::END, &content).await
        }
        .await;
        match self.finish(change, result).await? {
            Some(head) => self.write_anchor(head).await,
            None => Ok(()),
        }
    }
}

fn unknown(run: &RunId) -> Diagnostic {
    Diagnostic::new(Code::RunUnknown, format!("There is no run {run}"))
        .next("Look which there are with: credwright runs")
}

fn other_tenant(run: &RunId, tenant_id: &str) -> Diagnostic {
    Diagnostic::new(
        Code::ConnectorTenant,
        format!("Run {run} has another tenant in view than {tenant_id}"),
    )
    .next("Use one run for each tenant.")
}

fn read(row: &Row, census: &Census, store: &Store) -> Result<Run> {
    let mut status = row.word("status")?;
    let owner: Owner = row.json("owner")?;
    if status == RunStatus::Running && census.is_gone(&owner, store.ports()) {
        status = RunStatus::Interrupted;
    }
    Ok(Run {
        id: row.text("id")?,
        script: row.text("script")?,
        parameters: row.json("parameters")?,
        started_at: row.time("started_at")?,
        ended_at: row.optional_time("ended_at")?,
        status,
        exit_code: row.optional_number("exit_code")?,
        tenant_id: row.optional_text("tenant_id")?,
        sandbox: row.optional_number("sandbox")?.map(|flag| flag != 0),
        owner,
        attempts: row.number("attempts")?,
        options: row.json("options")?,
    })
}
