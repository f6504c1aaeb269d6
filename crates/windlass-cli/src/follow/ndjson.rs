//! `-o json`: one JSON object per line on standard output, for programs.

use serde_json::{Map, Value, json};

use crate::exit::Problem;
use crate::output;

use super::happened::{Cause, Happened, Place, What};

/// Writes the event on a line.
pub(crate) fn happened(happened: &Happened) -> Result<(), Problem> {
    output::print_raw(&Value::Object(object(happened)).to_string())
}

/// The event as an object: `v`, `at`, `run`, `type`, and what belongs to the type.
pub(crate) fn object(happened: &Happened) -> Map<String, Value> {
    let mut object = Map::new();
    object.insert("v".into(), json!(1));
    object.insert("at".into(), json!(happened.at.to_string()));
    object.insert("run".into(), json!(happened.run.to_string()));
    let (kind, more) = fields(&happened.what);
    object.insert("type".into(), json!(kind));
    if let Some(Place { path, step, item }) = happened.what.place() {
        object.insert("path".into(), json!(path));
        object.insert("step".into(), json!(step));
        if let Some(item) = item {
            object.insert("item".into(), json!(item));
        }
    }
    if let Value::Object(more) = more {
        object.extend(more);
    }
    object
}

fn fields(what: &What) -> (&'static str, Value) {
    match what {
        What::Began => ("run_began", Value::Null),
        What::Started { attempt, .. } => ("step_started", json!({ "attempt": attempt })),
        What::Waits { until, .. } => ("step_waits", json!({ "until": until.to_string() })),
        What::FannedOut { step, items } => {
            ("step_fanned_out", json!({ "step": step, "items": items }))
        }
        What::Succeeded { attempts, took, .. } => {
            ("step_succeeded", json!({ "attempts": attempts, "seconds": took.as_secs_f64() }))
        }
        What::Retries { attempt, cause, due, .. } => {
            let error = error(cause);
            ("step_retries", json!({ "attempt": attempt, "error": error, "due": due.to_string() }))
        }
        What::Failed { attempts, took, cause, allowed, .. } => (
            "step_failed",
            json!({
                "attempts": attempts,
                "seconds": took.as_secs_f64(),
                "error": error(cause),
                "allowed": allowed,
            }),
        ),
        What::Skipped { reason, .. } => ("step_skipped", json!({ "reason": reason })),
        What::Blocked { by, .. } => ("step_blocked", json!({ "by": by })),
        What::Cancelled { .. } => ("step_cancelled", Value::Null),
        What::Parked { .. } => ("step_parked", Value::Null),
        What::Interrupted { .. } => ("step_interrupted", Value::Null),
        What::Stops { reason } => ("run_stops", json!({ "reason": reason })),
        What::Ended { state, failure } => {
            ("run_ended", json!({ "state": state.as_str(), "error": failure }))
        }
    }
}

fn error(cause: &Cause) -> Value {
    json!({ "class": cause.class, "message": cause.message })
}
