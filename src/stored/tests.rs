//! The bytes of everything that is stored, so that nobody changes them by chance.

mod beside;
mod events;
mod run;

use std::path::Path;
use std::sync::Arc;
use std::time::Duration;

use crate::clock::Timestamp;
use crate::definition::{Durability, ErrorClass};
use crate::id::{DefinitionHash, Name, RunId};
use crate::payload::Payload;
use crate::plan::NodeId;
use crate::run::{Accepted, Failure, IdempotencyKey, Origin, ScopeId, StartDetails, Unit};
use crate::seldom::Seldom;

const AT: Timestamp = Timestamp::from_micros(1_767_323_045_000_000);
const LATER: Timestamp = Timestamp::from_micros(1_767_323_046_500_000);
const STEP: Unit = Unit { scope: ScopeId(0), node: NodeId(3) };
const ITEM: Unit = Unit { scope: ScopeId(70_000), node: NodeId(300) };

fn text(json: &str) -> Payload {
    Payload::from_json(json.to_owned()).unwrap()
}

fn failure() -> Failure {
    Failure {
        class: ErrorClass::Exit(-1),
        message: "no such file".into(),
        retry_after: Some(Duration::from_millis(1_500)),
    }
}

fn accepted(origin: Origin) -> Arc<Accepted> {
    Arc::new(Accepted {
        workflow: Name::new("order").unwrap(),
        definition: DefinitionHash([7; 16]),
        folder: Some(Arc::from(Path::new("/srv/shop"))),
        input: text(r#"{"cents":5}"#),
        at: AT,
        begin: LATER,
        scheduled_at: AT,
        origin,
        root: RunId::from_bytes([9; 16]),
        depth: 1,
        key: Some(Box::new(IdempotencyKey {
            text: "order-7".into(),
            ttl: Duration::from_hours(24),
            input: [8; 16],
        })),
        priority: Some(-3),
        durability: Durability::Relaxed,
        details: Seldom::from(StartDetails {
            namespace: Some("shop".into()),
            concurrency: Some("7".into()),
            tags: vec![("team".into(), "shop".into())],
            principal: Some("ann".into()),
            traceparent: Some("00-1-2-01".into()),
        }),
    })
}

fn hex(bytes: &[u8]) -> String {
    bytes.iter().map(|byte| format!("{byte:02x}")).collect()
}
