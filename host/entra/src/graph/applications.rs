//! Applications.

use std::fmt;

use base::{Applied, Code, Result};
use effect::{Permit, Removal, RemovalPermit};
use http::Method;
use serde::{Deserialize, Serialize};
use uuid::Uuid;

use super::keys::NewKeyCredential;
use super::{Graph, create_if_missing, encoded, outgoing, quoted};
use crate::retry::Repeatable;
use crate::wait::Look;

/// An application.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "camelCase")]
pub struct Application {
    /// The object id.
    pub id: Uuid,
    /// The client id.
    pub app_id: Uuid,
    /// Its name.
    #[serde(default)]
    pub display_name: Option<String>,
    /// The name that was chosen to find it by.
    #[serde(default)]
    pub unique_name: Option<String>,
    /// Who may sign in with it.
    #[serde(default)]
    pub sign_in_audience: Option<String>,
    /// What it declares to need; a grant is an app role assignment.
    #[serde(default)]
    pub required_resource_access: Vec<RequiredResourceAccess>,
}

/// The permissions of one resource that an application declares to need.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "camelCase")]
pub struct RequiredResourceAccess {
    /// The resource's client id.
    pub resource_app_id: Uuid,
    /// The permissions.
    pub resource_access: Vec<ResourceAccess>,
}

/// A permission that an application declares to need.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct ResourceAccess {
    /// The id of the application role or scope.
    pub id: Uuid,
    /// `Role` (application) or `Scope` (delegated).
    #[serde(rename = "type")]
    pub kind: String,
}

impl ResourceAccess {
    /// An application role.
    pub fn role(id: Uuid) -> Self {
        Self { id, kind: "Role".to_owned() }
    }
}

/// Names an application.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum ApplicationRef {
    /// By object id.
    Id(Uuid),
    /// By client id.
    AppId(Uuid),
    /// By the name that was chosen beforehand.
    UniqueName(String),
}

impl ApplicationRef {
    /// Whether it surely names the application with these ids.
    pub(crate) fn is(&self, id: &str, app_id: &str) -> bool {
        match self {
            Self::Id(own) => own.to_string() == id,
            Self::AppId(own) => own.to_string() == app_id,
            Self::UniqueName(_) => false,
        }
    }

    pub(super) fn path(&self) -> String {
        match self {
            ApplicationRef::Id(id) => format!("applications/{id}"),
            ApplicationRef::AppId(app_id) => format!("applications(appId='{app_id}')"),
            ApplicationRef::UniqueName(name) => {
                format!("applications(uniqueName='{}')", encoded(&name.replace('\'', "''")))
            }
        }
    }
}

impl fmt::Display for ApplicationRef {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            ApplicationRef::Id(id) => write!(f, "the application with the object id {id}"),
            ApplicationRef::AppId(app_id) => write!(f, "the application {app_id}"),
            ApplicationRef::UniqueName(name) => write!(f, "the application '{name}'"),
        }
    }
}

/// Which applications to list.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum ApplicationFilter {
    /// All of them.
    All,
    /// Those with exactly this name.
    DisplayName(String),
    /// Those whose name begins so.
    DisplayNameStarts(String),
}

/// An application that is to be made.
#[derive(Clone, Debug, PartialEq, Eq, Serialize)]
#[serde(rename_all = "camelCase")]
pub struct NewApplication {
    /// The name to find it by; it is part of the address, not of the body.
    #[serde(skip)]
    pub unique_name: String,
    /// Its name.
    pub display_name: String,
    /// Who may sign in with it: `AzureADMyOrg` for this tenant only.
    pub sign_in_audience: String,
    /// Its certificates.
    #[serde(skip_serializing_if = "Vec::is_empty")]
    pub key_credentials: Vec<NewKeyCredential>,
    /// What it declares to need.
    #[serde(skip_serializing_if = "Vec::is_empty")]
    pub required_resource_access: Vec<RequiredResourceAccess>,
}

/// What is to be changed of an application. Certificates are not among it: see
/// [`Graph::add_key_to_list`].
#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize)]
#[serde(rename_all = "camelCase")]
pub struct ApplicationPatch {
    /// Another name.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub display_name: Option<String>,
    /// Other declared needs, in place of all there are.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub required_resource_access: Option<Vec<RequiredResourceAccess>>,
}

const SELECT: (&str, &str) =
    ("$select", "id,appId,displayName,uniqueName,signInAudience,requiredResourceAccess");

impl Graph<'_> {
    /// An application.
    ///
    /// # Errors
    /// `graph.not_found` where it is not there, or not yet; else `graph.*`, `sign_in.*`, `remote.*`.
    pub async fn application(&self, application: &ApplicationRef) -> Result<Application> {
        let what = format!("read {application}");
        self.get(&what, self.url(&application.path(), &[SELECT])).await
    }

    /// An application, or none.
    ///
    /// # Errors
    /// `graph.*`, `sign_in.*`, `remote.*`.
    pub async fn find_application(
        &self,
        application: &ApplicationRef,
    ) -> Result<Option<Application>> {
        let what = format!("look for {application}");
        self.find(&what, self.url(&application.path(), &[SELECT])).await
    }

    /// Applications by name.
    ///
    /// # Errors
    /// `graph.*`, `sign_in.*`, `remote.*`.
    pub async fn applications(&self, filter: &ApplicationFilter) -> Result<Vec<Application>> {
        let filter = match filter {
            ApplicationFilter::All => None,
            ApplicationFilter::DisplayName(name) => {
                Some(format!("displayName eq {}", quoted(name)))
            }
            ApplicationFilter::DisplayNameStarts(start) => {
                Some(format!("startswith(displayName,{})", quoted(start)))
            }
        };
        let mut query = vec![SELECT];
        query.extend(filter.as_deref().map(|filter| ("$filter", filter)));
        self.all("list the applications", self.url("applications", &query)).await
    }

    /// Makes an application under its unique name. One that is there already under that name is
    /// given back as it is: nothing of it is changed.
    ///
    /// # Errors
    /// `graph.*`, `sign_in.*`, `remote.*`; where its answer was lost, look for the unique name.
    pub async fn create_application(
        &self,
        _permit: Permit<'_>,
        new: &NewApplication,
    ) -> Result<Application> {
        let reference = ApplicationRef::UniqueName(new.unique_name.clone());
        // An update would replace the certificates of an application that is there.
        if let Some(found) = self.find_application(&reference).await? {
            return Ok(found);
        }
        let what = format!("create the application {}", new.display_name);
        let url = self.url(&reference.path(), &[]);
        let mut request = outgoing(&what, Method::PATCH, url, Repeatable::Once);
        request.headers.push(create_if_missing());
        let answer = self.send(&mut request, Some(new)).await?;
        if answer.body.is_empty() {
            // Somebody made it in the meantime; all that was done is to write the same again.
            let readable = self.application_readable(&reference).await;
            return readable.map_err(|error| error.applied(Applied::Yes));
        }
        answer.json(&request)
    }

    /// Changes an application.
    ///
    /// # Errors
    /// `graph.*`, `sign_in.*`, `remote.*`.
    pub async fn patch_application(
        &self,
        _permit: Permit<'_>,
        application: &ApplicationRef,
        patch: &ApplicationPatch,
    ) -> Result<()> {
        let what = format!("change {application}");
        let url = self.url(&application.path(), &[]);
        let mut request = outgoing(&what, Method::PATCH, url, Repeatable::Marked);
        self.send(&mut request, Some(patch)).await.map(drop)
    }

    /// Deletes an application that was judged. The tenant keeps it for 30 days.
    ///
    /// # Errors
    /// `graph.not_found` where it is not there; else `graph.*`, `sign_in.*`, `remote.*`.
    pub async fn delete_application(
        &self,
        permit: RemovalPermit<'_>,
        application: &ApplicationRef,
    ) -> Result<()> {
        permit.covers(|removal| match removal {
            Removal::Application { id, app_id } => application.is(id, app_id),
            _ => false,
        })?;
        let what = format!("delete {application}");
        let url = self.url(&application.path(), &[]);
        let mut request = outgoing(&what, Method::DELETE, url, Repeatable::Once);
        self.send(&mut request, None::<&()>).await.map(drop)
    }

    /// Waits until an application is readable several times in a row.
    ///
    /// # Errors
    /// As [`crate::Session::until`].
    pub async fn application_readable(&self, application: &ApplicationRef) -> Result<Application> {
        self.session
            .until("application readable", async || {
                self.application(application).await.map(Look::Seen)
            })
            .await
    }

    /// Waits until an application is gone several times in a row.
    ///
    /// # Errors
    /// As [`crate::Session::until`].
    pub async fn application_gone(&self, application: &ApplicationRef) -> Result<()> {
        self.session
            .until("application gone", async || match self.application(application).await {
                Err(error) if error.code == Code::GraphNotFound => Ok(Look::Seen(())),
                Err(error) => Err(error),
                Ok(_) => Ok(Look::NotYet(format!("{application} is still there"))),
            })
            .await
    }
}
