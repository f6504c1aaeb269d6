//! The workflows that are run: each way in which a run can wait, fail, end and go on.

use std::sync::{Arc, LazyLock};

use crate::plan::{KnownTasks, Plan, load};

/// The workflows of all worlds.
const WORKFLOWS: [(&str, &str); 8] = [
    ("chain", "[steps.a]\ntask = 't'\n[steps.b]\ntask = 't'\ndepends_on = ['a']\n"),
    (
        "again",
        "[steps.a]\ntask = 't'\n[steps.a.retry]\nattempts = 3\ndelay = '2s'\n[steps.b]\ntask = 't'\nallow_failure = true\n",
    ),
    (
        "wide",
        "[steps.a]\nfor_each = [1, 2, 3]\ntask = 't'\n[steps.b]\ntask = 't'\ndepends_on = ['a']\n",
    ),
    ("nap", "[steps.a]\nsleep = '3s'\n[steps.b]\ntask = 't'\ndepends_on = ['a']\n"),
    ("park", "timeout = '10m'\n[steps.a]\ntask = 't'\non_crash = 'park'\n"),
    (
        "loose",
        "durability = 'relaxed'\n[steps.a]\ntask = 't'\n[steps.b]\ntask = 't'\ndepends_on = ['a']\n",
    ),
    (
        "gone",
        "durability = 'memory'\n[steps.a]\ntask = 't'\n[steps.b]\ntask = 't'\ndepends_on = ['a']\n",
    ),
    // An evaluation that makes a long text takes more than a little effort.
    (
        "long",
        "[output]\nlength = \"${{ (('x' * 200000) | length) + run.attempt }}\"\n[steps.a]\ntask = 't'\n[steps.b]\ntask = 't'\ndepends_on = ['a']\nwhen = \"(('x' * 200000) | length) > 0 and run.attempt > 0\"\n",
    ),
];

/// All of them, checked.
pub(super) static PLANS: LazyLock<Vec<Arc<Plan>>> = LazyLock::new(|| {
    let load = |(name, text): &(&str, &str)| {
        let loaded = load(&format!("{name}.toml"), text, None, &KnownTasks::Any);
        Arc::new(loaded.unwrap_or_else(|problems| panic!("{name}: {problems:#?}")).plan)
    };
    WORKFLOWS.iter().map(load).collect()
});
