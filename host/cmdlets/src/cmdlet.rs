//! What a cmdlet is: one declaration, from which everything else derives.

use std::marker::PhantomData;

use base::{Code, Diagnostic, Result};
pub use effect::Replay;
use effect::{Branch, Circumstance, Effect, Gate, NewCall, OpenCall, Standing};
use futures::future::LocalBoxFuture;
use schemars::JsonSchema;
use serde::Serialize;
use serde::de::DeserializeOwned;
use serde_json::Value;

use crate::context::{Call, Context};
use crate::parameter::{self, Parameter};

/// What an example shows. Every example of every cmdlet is executed.
#[derive(Clone, Copy, Debug)]
pub enum Shows {
    /// It returns this value, written as JSON.
    Value(&'static str),
    /// It ends well; its value differs from run to run.
    Success,
    /// It fails with this code.
    Failure(Code),
}

/// One executed example.
#[derive(Clone, Copy, Debug)]
pub struct Example {
    /// What it shows, as a short sentence.
    pub title: &'static str,
    /// A script body, run in a fresh sandbox with the connector `default`.
    pub script: &'static str,
    /// What comes of it.
    pub shows: Shows,
}

/// The declaration of a cmdlet, apart from its types.
#[derive(Clone, Copy, Debug)]
pub struct About {
    /// Its name: verb and noun.
    pub name: &'static str,
    /// What it does: imperative, one line.
    pub summary: &'static str,
    /// What it does outside the script.
    pub effect: Effect,
    /// What a resumed run does with a recorded call.
    pub replay: Replay,
    /// Words under which help finds it, such as the PowerShell cmdlet's name.
    pub search_terms: &'static [&'static str],
    /// Cmdlets that a reader may want next.
    pub see_also: &'static [&'static str],
    /// The codes it fails with, and when, apart from those of the tenant and the network.
    pub errors: &'static [(Code, &'static str)],
    /// Executed examples.
    pub examples: &'static [Example],
}

/// A host function for scripts. One file each; registered by one line in `registry.rs`.
pub trait Cmdlet: 'static {
    /// The declaration.
    const ABOUT: About;
    /// Its parameters. Their doc comments are the help; types come from the list in
    /// [`crate::parameter`].
    type Parameters: Serialize + DeserializeOwned + JsonSchema;
    /// What it returns.
    type Output: Serialize + DeserializeOwned + JsonSchema;

    /// The name that a high impact wants typed: the connector's.
    fn subject(_parameters: &Self::Parameters) -> &str {
        ""
    }

    /// Does it. Journalling, confirmation, timing and retries live around it, never in it.
    fn run(
        call: &Call<'_>,
        parameters: Self::Parameters,
    ) -> impl Future<Output = Result<Self::Output>>;

    /// Establishes again, or ends again, what an earlier call of a resumed run established in its process,
    /// without a step. Asked only where the declaration says [`Replay::Standing`] or [`Replay::Ends`].
    fn establish(
        _call: &Call<'_>,
        _parameters: Self::Parameters,
    ) -> impl Future<Output = Result<()>> {
        std::future::ready(Ok(()))
    }
}

/// A registered cmdlet without its types.
pub trait AnyCmdlet: Send + Sync {
    /// The declaration.
    fn about(&self) -> &'static About;

    /// Its parameters, in the order of their declaration.
    fn parameters(&self) -> Vec<Parameter>;

    /// Its description beyond the summary, from the doc comment of its parameters' struct.
    fn description(&self) -> String;

    /// The fields of its output.
    fn output(&self) -> Vec<Parameter>;

    /// Checks arguments without running anything.
    ///
    /// # Errors
    /// [`Code::CmdletParameter`].
    fn check(&self, arguments: &Value) -> Result<()>;

    /// Checks the arguments and passes the call through the gate.
    fn invoke<'a>(
        &'a self,
        context: &'a Context,
        gate: &'a Gate,
        branch: &'a Branch,
        arguments: Value,
        circumstance: Circumstance,
    ) -> LocalBoxFuture<'a, Result<Value>>;

    /// See [`Cmdlet::establish`].
    fn establish<'a>(
        &'a self,
        context: &'a Context,
        open: &'a OpenCall<'a>,
        standing: &'a Standing,
    ) -> LocalBoxFuture<'a, Result<()>>;
}

/// A cmdlet of type `C`, as the registry keeps it.
pub struct Registered<C>(PhantomData<fn() -> C>);

impl<C: Cmdlet> Registered<C> {
    /// The cmdlet `C`.
    pub const fn new() -> Self {
        Self(PhantomData)
    }

    fn bind(&self, arguments: &Value) -> Result<C::Parameters> {
        let name = C::ABOUT.name;
        let arguments = parameter::check(name, &self.parameters(), arguments)?;
        serde_json::from_value(arguments).map_err(|error| {
            Diagnostic::new(Code::CmdletParameter, format!("{name}: {error}"))
                .next(format!("See its parameters: credwright help {name}"))
        })
    }
}

impl<C: Cmdlet> Default for Registered<C> {
    fn default() -> Self {
        Self::new()
    }
}

impl<C: Cmdlet> AnyCmdlet for Registered<C> {
    fn about(&self) -> &'static About {
        &C::ABOUT
    }

    fn parameters(&self) -> Vec<Parameter> {
        parameter::of::<C::Parameters>()
    }

    fn description(&self) -> String {
        parameter::description_of::<C::Parameters>()
    }

    fn output(&self) -> Vec<Parameter> {
        parameter::of::<C::Output>()
    }

    fn check(&self, arguments: &Value) -> Result<()> {
        self.bind(arguments).map(drop)
    }

    fn invoke<'a>(
        &'a self,
        context: &'a Context,
        gate: &'a Gate,
        branch: &'a Branch,
        arguments: Value,
        circumstance: Circumstance,
    ) -> LocalBoxFuture<'a, Result<Value>> {
        Box::pin(async move {
            let parameters = self.bind(&arguments)?;
            let subject = C::subject(&parameters).to_owned();
            let call = NewCall {
                branch,
                cmdlet: C::ABOUT.name,
                arguments: &arguments,
                effect: C::ABOUT.effect,
                replay: C::ABOUT.replay,
                subject: &subject,
                circumstance,
            };
            gate.call(call, async |open| {
                context.establish_standing(open).await?;
                let output =
                    C::run(&Call { context, open, branch: &open.key().branch }, parameters).await?;
                serde_json::to_value(output).map_err(|error| {
                    Diagnostic::new(Code::Internal, "A cmdlet's value cannot be recorded")
                        .source(&error)
                })
            })
            .await
        })
    }

    fn establish<'a>(
        &'a self,
        context: &'a Context,
        open: &'a OpenCall<'a>,
        standing: &'a Standing,
    ) -> LocalBoxFuture<'a, Result<()>> {
        Box::pin(async move {
            let parameters = self.bind(&standing.arguments)?;
            C::establish(&Call { context, open, branch: &standing.branch }, parameters).await
        })
    }
}
